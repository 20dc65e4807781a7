-- Begins an attempt. ARGV: id, allowed sources, worker, token, lease seconds, the highest number that
-- the worker knows of the task's attempts: a store that was restored may have lost those.
-- Returns {1, attempt} or {0, status}. The token makes a repeated call with a lost reply harmless.
local old = get('status')
if old == 'in_progress' and get('token') == ARGV[4] then return {1, tonumber(get('attempt'))} end
if old == '' or not among(ARGV[2], old) then return {0, old} end
local last = redis.call('HINCRBY', state, 'attempt', 0) -- an error for what is no number
local number = math.max(last, tonumber(ARGV[6])) + 1
begin_attempt(old, number, ARGV[3], ARGV[4], ARGV[5])
return {1, number}
