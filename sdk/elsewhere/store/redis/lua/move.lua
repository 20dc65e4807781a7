-- Compare and set. ARGV: id, allowed sources (comma list, '' for any), target, message
local old, new = get('status'), ARGV[3]
if old == '' or not among(ARGV[2], old) then return {0, old} end
local at = stamp()
if new == 'completed' and get('publishes') == '1' then new = 'published' end
if old ~= new then set_status(old, new, at) end
redis.call('HSET', state, 'message', ARGV[4])
if new == 'created' or (new == 'in_progress' and old ~= new) then
  redis.call('HDEL', state, 'stop_requested_at', 'outcome', 'ended_by', 'ended_at')
  clear('RESTART')
end
if new == 'in_progress' and old ~= new then
  -- Whoever ran it before does not get it back, and nobody has a lease of it.
  redis.call('HDEL', state, 'worker', 'token', 'lease_until')
  redis.call('HSET', state, 'started_at', at)
elseif new ~= 'created' and new ~= 'queued' and new ~= 'in_progress' then
  redis.call('HSET', state, 'ended_by', 'caller')
  if among('created,queued,in_progress', old) then redis.call('HSET', state, 'ended_at', at) end
end
return {1, old}
