-- Ends an attempt that is lost, or puts its task back into the queue. ARGV: id, attempt ('' for the
-- newest), seconds since the lease was over ('' for not at all), outcome, message, how many losses a
-- task may have, '1' when nothing of the program has run
-- Returns {1, status}, or {0, status} when there was nothing to do.
local old = get('status')
if ARGV[2] ~= '' and get('attempt') ~= ARGV[2] then return {0, old} end
if old ~= 'in_progress' then
  if get('ended_by') ~= 'reaper' then redis.call('ZREM', 'ew:leases', id) end
  return {0, old}
end
local at = stamp()
if ARGV[3] ~= '' and (tonumber(get('lease_until')) or 0) + tonumber(ARGV[3]) > tonumber(at) then
  return {0, old}
end
local new, message = 'failed', ARGV[5]
if get('stop_requested_at') ~= '' then
  new = 'stopped'
elseif get('queue') ~= '' then
  local losses = redis.call('HINCRBY', state, 'losses', 1)
  local may = redis.call('HGET', base, 'on_lost') == '"enqueue"' or ARGV[7] == '1'
  if may and losses <= tonumber(ARGV[6]) then
    new = 'queued'
  elseif may then
    message = string.format('%s It is parked: %d attempts in a row were lost with their agents. '
      .. 'It may be what ends them; enqueue it to try it again.', message, losses)
  end
end
set_status(old, new, at)
end_attempt(get('attempt'), ARGV[4], at)
-- Only what the reaper decided can be taken back: an owner that gave its attempt up means it.
redis.call('HSET', state, 'ended_by', ARGV[2] == '' and 'reaper' or 'owner', 'message', message)
if new == 'queued' then
  redis.call('HSET', state, 'queued_at', at)
  redis.call('ZADD', 'ew:queued', '0', id)
end
return {1, new}
