-- Begins an attempt anew that this store has lost, since it was restored with older data: its attempts
-- are fewer, or the number was given to somebody else. ARGV: id, attempt, worker ('' for one that is not
-- known any more), token, lease seconds
-- Returns {1, attempt}, a number above both, or {0, status} when the attempt was not lost; the status
-- is '' for a task that was lost with it, 'deleted' for one that was deleted, maybe made anew since.
local old, number = get('status'), tonumber(get('attempt')) or 0
local lost = tonumber(ARGV[2])
if old == 'in_progress' and get('token') == ARGV[4] then return {1, number} end
if redis.call('ZSCORE', 'ew:deleted', id) then return {0, 'deleted'} end
local is_anothers = get('worker') ~= '' and ARGV[3] ~= '' and get('worker') ~= ARGV[3]
if old == '' or number > lost or (number == lost and not is_anothers) then return {0, old} end
redis.call('PUBLISH', 'ew:agent:' .. get('worker'), id)
begin_attempt(old, lost + 1, ARGV[3], ARGV[4], ARGV[5])
return {1, lost + 1}
