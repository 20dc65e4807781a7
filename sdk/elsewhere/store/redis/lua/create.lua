-- ARGV: id, project, name, type, operations...
-- Called again after a lost reply, it does not undo what has happened since.
if get('status') ~= '' then return end
local at = stamp()
redis.call('HSET', state, 'status', 'created', 'attempt', 0)
redis.call('SADD', 'ew:status:created', id)
redis.call('SADD', 'ew:project:' .. ARGV[2], id)
redis.call('SADD', 'ew:named:' .. ARGV[2] .. '\31' .. ARGV[3], id)
redis.call('SADD', 'ew:type:' .. ARGV[4], id)
redis.call('ZADD', 'ew:projects', at, ARGV[2])
run_operations(5)
redis.call('HSETNX', base, 'created_at', at)
touch(at)
