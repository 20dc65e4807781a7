-- ARGV: id, allowed statuses (comma list, '' for any), operations...
local old = get('status')
if old == '' or not among(ARGV[2], old) then return {0, old} end
run_operations(3)
touch(stamp())
redis.call('PUBLISH', 'ew:changed:' .. id, 'event')
return {1, old}
