-- ARGV: id, attempt, worker, lease seconds
-- Returns {1, stop_requested_at, stop_grace_s}, or {0, status} when the attempt may not go on.
-- An attempt that the reaper ended or put back, and that nobody has begun again, is taken back.
local old = get('status')
if get('attempt') ~= ARGV[2] or get('worker') ~= ARGV[3] then return {0, old} end
local at = stamp()
if old ~= 'in_progress' then
  if get('ended_by') ~= 'reaper' then return {0, old} end
  set_status(old, 'in_progress', at)
  redis.call('HDEL', state, 'ended_by', 'outcome', 'ended_at')
  local attempt = cjson.decode(redis.call('HGET', base .. ':attempts', ARGV[2]))
  attempt.ended_at, attempt.outcome = nil, nil
  redis.call('HSET', base .. ':attempts', ARGV[2], cjson.encode(attempt))
end
local lease = string.format('%.6f', tonumber(at) + tonumber(ARGV[4]))
redis.call('HSET', state, 'lease_until', lease)
redis.call('ZADD', 'ew:leases', lease, id)
return {1, get('stop_requested_at'), get('stop_grace_s')}
