-- What is left to do when a task is deleted. ARGV: id
-- It names no blobs any more, and is noted as deleted for 90 days: one that is not, and not there, was
-- lost with data of the store, so that a run of it goes on.
for _, field in ipairs(redis.call('HKEYS', base .. ':blobs')) do name_blobs(field) end
local at = stamp()
redis.call('ZADD', 'ew:deleted', at, id)
redis.call('ZREMRANGEBYSCORE', 'ew:deleted', '-inf', tonumber(at) - 90 * 24 * 3600)
