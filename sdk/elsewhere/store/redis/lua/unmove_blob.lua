-- Forgets the URL of a blob that no task has named for a day. ARGV: its digest
-- Returns the URL, whose bytes may be deleted, or nil where the blob is needed.
local since = redis.call('ZSCORE', 'ew:blobs_left', ARGV[1])
if not since or is_named(ARGV[1]) or tonumber(since) + UNNAMED_S > tonumber(stamp()) then return end
local url = redis.call('HGET', 'ew:blob_urls', ARGV[1])
redis.call('HDEL', 'ew:blob_urls', ARGV[1])
redis.call('ZREM', 'ew:blobs_left', ARGV[1])
return url
