-- Writes a swarm's state down, for its owner only.
-- KEYS: swarm.  ARGV: id, incarnation, epoch, revision, state, kept for (ms)
local swarm = redis.call('HMGET', KEYS[1], 'node', 'inc', 'epoch', 'rev')
if swarm[1] ~= ARGV[1] or swarm[2] ~= ARGV[2] or swarm[3] ~= ARGV[3] then
  return 'fenced'
end
-- A command that was held up on a connection since given up may come after a newer one.
if tonumber(ARGV[4]) > (tonumber(swarm[4]) or 0) then
  redis.call('HSET', KEYS[1], 'state', ARGV[5], 'rev', ARGV[4])
end
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return 'done'
