-- Tells whose a swarm is, and gives it to the node that asks if it is nobody's.
-- KEYS: swarm, own node.  ARGV: id, incarnation, beginning of every node's key, kept for (ms)
local swarm = redis.call('HMGET', KEYS[1], 'node', 'inc', 'epoch')
local own = redis.call('HMGET', KEYS[2], 'inc', 'state')
local lives = own[1] == ARGV[2]
if lives and swarm[1] == ARGV[1] and swarm[2] == ARGV[2] then
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return {'mine', swarm[3], redis.call('HGET', KEYS[1], 'state') or '', ''}
end
if swarm[1] and swarm[1] ~= ARGV[1] then
  local owner = redis.call('HMGET', ARGV[3] .. swarm[1], 'inc', 'state', 'inside', 'public')
  if owner[1] == swarm[2] and owner[2] ~= 'draining' then
    return {'theirs', swarm[3], owner[3], owner[4]}
  end
end
-- A node whose lease has run out, or that is about to leave, may not begin anything.
if not lives or own[2] == 'draining' then
  return {'unsettled', '0', '', ''}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- The time as a floor lets it rise even where everything else was forgotten.
local epoch = string.format('%.0f', math.max((tonumber(swarm[3]) or 0) + 1, now))
redis.call('HSET', KEYS[1], 'node', ARGV[1], 'inc', ARGV[2], 'epoch', epoch, 'rev', '0')
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {'mine', epoch, redis.call('HGET', KEYS[1], 'state') or '', ''}
