-- Ends a node's lease at once, so that its swarms and its name are free.
-- KEYS: node, list of nodes.  ARGV: id, incarnation
if redis.call('HGET', KEYS[1], 'inc') == ARGV[2] then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
end
return 'done'
