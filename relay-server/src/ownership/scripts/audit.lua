-- Which of its swarms a node does not own any more; the others are kept for longer.
-- KEYS: swarms.  ARGV: id, incarnation, kept for (ms), the epoch of each swarm
local lost = {}
for index, key in ipairs(KEYS) do
  local swarm = redis.call('HMGET', key, 'node', 'inc', 'epoch')
  if swarm[1] == ARGV[1] and swarm[2] == ARGV[2] and swarm[3] == ARGV[3 + index] then
    redis.call('PEXPIRE', key, ARGV[3])
  else
    lost[#lost + 1] = index - 1
  end
end
return lost
