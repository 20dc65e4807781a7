-- Begins an attempt. ARGV: id, allowed sources, worker, token, lease seconds
-- Returns {1, attempt} or {0, status}. The token makes a repeated call with a lost reply harmless.
local old = get('status')
if old == 'in_progress' and get('token') == ARGV[4] then return {1, tonumber(get('attempt'))} end
if old == '' or not among(ARGV[2], old) then return {0, old} end
local at = stamp()
local number = tonumber(redis.call('HINCRBY', state, 'attempt', 1))
-- The curves are those of the newest attempt, unless the task is continued: older attempts may not
-- write any more.
local continues_at = redis.call('HGET', base, 'continues_at') or 'null'
if continues_at == 'null' then clear('CLAIM') end
set_status(old, 'in_progress', at)
local lease = string.format('%.6f', tonumber(at) + tonumber(ARGV[5]))
redis.call('HDEL', state, 'stop_requested_at', 'outcome', 'ended_by', 'ended_at', 'message')
clear('RESTART')
redis.call('HSET', state, 'worker', ARGV[3], 'token', ARGV[4], 'started_at', at,
  'lease_until', lease)
redis.call('ZADD', 'ew:leases', lease, id)
redis.call('HSET', base .. ':attempts', number,
  cjson.encode({number = number, worker = ARGV[3], started_at = tonumber(at)}))
return {1, number}
