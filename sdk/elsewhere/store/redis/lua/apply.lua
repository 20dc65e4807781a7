-- Applies a piece of a journal once. ARGV: id, attempt, file, from, to, operations...
-- Returns {1, offset} where the file now stands, or {0, status} when the attempt is not ours.
if get('attempt') ~= ARGV[2] then return {0, get('status')} end
local field = ARGV[2] .. '/' .. ARGV[3]
local stands = redis.call('HGET', base .. ':journal', field) or '0'
if stands ~= ARGV[4] then return {1, tonumber(stands)} end
run_operations(6)
redis.call('HSET', base .. ':journal', field, ARGV[5])
touch(stamp())
redis.call('PUBLISH', 'ew:changed:' .. id, 'event')
return {1, tonumber(ARGV[5])}
