-- Compare and set. ARGV: id, allowed sources (comma list, '' for any), target, message
local old = get('status')
if old == '' or not among(ARGV[2], old) then return {0, old} end
local at = stamp()
if old ~= ARGV[3] then set_status(old, ARGV[3], at) end
redis.call('HSET', state, 'message', ARGV[4])
if ARGV[3] == 'created' then
  redis.call('HDEL', state, 'stop_requested_at', 'outcome', 'verdict', 'verdict_message', 'ended_by',
    'ended_at')
elseif ARGV[3] ~= 'queued' and ARGV[3] ~= 'in_progress' then
  redis.call('HSET', state, 'ended_by', 'caller', 'ended_at', at)
end
return {1, old}
