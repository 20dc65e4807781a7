-- ARGV: id, attempt, status, outcome, message
-- Returns {1, status} when the attempt is over (now or already), {0, status} when it is not ours.
-- A status that the program gave itself wins, and so does one that somebody set while it ran. A task
-- that is to be run again after such an end is queued.
local old = get('status')
if get('attempt') ~= ARGV[2] then return {0, old} end
local reaped = get('ended_by') == 'reaper'
local at = stamp()
if old ~= 'in_progress' and not reaped then
  write_attempt(ARGV[2], ARGV[4], at, true)
  return {1, old}
end
local new, message = ARGV[3], ARGV[5]
if get('verdict') ~= '' then new, message = get('verdict'), get('verdict_message') end
if new == 'completed' then
  redis.call('HSET', state, 'progress', '100')
  if get('publishes') == '1' then new = 'published' end
end
local is_retried = new == 'failed' and get('verdict') == '' and get('stop_requested_at') == ''
  and retries(old, cjson.decode(ARGV[4]).reason, at)
if is_retried then new = 'queued' else set_status(old, new, at) end
end_attempt(ARGV[2], ARGV[4], at)
redis.call('HSET', state, 'message', message, 'ended_by', 'owner', 'lease_until', '0')
return {1, new}
