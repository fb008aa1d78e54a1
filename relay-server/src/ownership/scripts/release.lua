-- Gives a swarm up, for its owner only. The epoch stays, so that it goes on rising.
-- KEYS: swarm.  ARGV: id, incarnation, epoch, 'keep' or 'forget'
local swarm = redis.call('HMGET', KEYS[1], 'node', 'inc', 'epoch')
if swarm[1] ~= ARGV[1] or swarm[2] ~= ARGV[2] or swarm[3] ~= ARGV[3] then
  return 'fenced'
end
redis.call('HDEL', KEYS[1], 'node', 'inc')
if ARGV[4] == 'forget' then
  redis.call('HDEL', KEYS[1], 'state', 'rev')
end
return 'done'
