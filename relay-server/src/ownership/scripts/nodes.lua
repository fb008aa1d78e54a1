-- The nodes that take swarms: address inside and public address of each.
-- KEYS: list of nodes.  ARGV: beginning of every node's key, id of the node that asks
local found = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local node = redis.call('HMGET', ARGV[1] .. id, 'inc', 'state', 'inside', 'public')
  if node[1] and node[2] ~= 'draining' then
    found[#found + 1] = {id == ARGV[2] and 'own' or 'other', node[3], node[4]}
  end
end
return found
