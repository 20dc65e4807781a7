-- Back to a draft that has never run. ARGV: id, allowed statuses (comma list), bytes of an output
-- block. Returns {1, status before} or {0, status}.
-- The number of attempts goes on. Offsets of journals and output stay, so that what an attempt has
-- reported is not taken in again; one that may still report is fenced off by the number.
local old = get('status')
if old == '' or not among(ARGV[2], old) then return {0, old} end
local at, number = stamp(), tonumber(get('attempt')) or 0
local newest = redis.call('HGET', base .. ':attempts', number)
if newest and (not cjson.decode(newest).ended_at or get('ended_by') == 'reaper') then
  number = number + 1
end
clear('RESET')
for _, field in ipairs(redis.call('HKEYS', base .. ':output')) do
  local of, name = string.match(field, '^(%d+):(%a+)$')
  if name == 'length' then
    local length = tonumber(redis.call('HGET', base .. ':output', field))
    for block = 0, math.floor(length / tonumber(ARGV[3])) do
      redis.call('DEL', base .. ':output:' .. of .. ':' .. block)
    end
  end
  if name ~= 'from' then redis.call('HDEL', base .. ':output', field) end
end
for _, use in ipairs(redis.call('HKEYS', base .. ':models')) do
  if string.sub(use, 1, 7) == 'output/' then redis.call('HDEL', base .. ':models', use) end
end
redis.call('DEL', base .. ':attempts')
redis.call('HDEL', base, 'continues_at')
set_status(old, 'created', at)
redis.call('DEL', state)
redis.call('HSET', state, 'status', 'created', 'attempt', number, 'updated_at', at)
return {1, old}
