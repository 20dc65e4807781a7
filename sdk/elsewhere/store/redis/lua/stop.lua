-- Requests a stop. ARGV: id, grace seconds ('' for the agent's own), message
-- A queued task is stopped at once, and so is one without a lease; a running one when its
-- owner sees the request. A second request can change the grace.
local old = get('status')
if old == 'queued' or (old == 'in_progress' and not redis.call('ZSCORE', 'ew:leases', id)) then
  local at = stamp()
  set_status(old, 'stopped', at)
  redis.call('HSET', state, 'ended_at', at, 'ended_by', 'caller', 'message', ARGV[3])
elseif old == 'in_progress' then
  if get('stop_requested_at') == '' then
    redis.call('HSET', state, 'stop_requested_at', stamp(), 'stop_grace_s', ARGV[2],
      'message', ARGV[3])
  elseif ARGV[2] ~= '' then
    redis.call('HSET', state, 'stop_grace_s', ARGV[2])
  end
  redis.call('PUBLISH', 'ew:agent:' .. get('worker'), id)
  redis.call('PUBLISH', 'ew:changed:' .. id, 'stop')
end
return {1, old}
