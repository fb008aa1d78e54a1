-- Renews a node's lease, and tells the time.
-- KEYS: node, list of nodes.  ARGV: id, incarnation, address inside, public address, state, lease (ms)
local incarnation = redis.call('HGET', KEYS[1], 'inc')
if incarnation and incarnation ~= ARGV[2] then
  return {'fenced', '0', '0'}
end
redis.call('HSET', KEYS[1], 'inc', ARGV[2], 'inside', ARGV[3], 'public', ARGV[4], 'state', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], time[1], ARGV[1])
-- A node that was not heard of for an hour is forgotten.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', time[1] - 3600)
redis.call('EXPIRE', KEYS[2], 3600)
-- 'began' where nothing was known of it: others may have taken its swarms since.
return {incarnation and 'renewed' or 'began', time[1], time[2]}
