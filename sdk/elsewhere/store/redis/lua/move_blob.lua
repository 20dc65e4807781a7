-- A blob lies at a URL from now on. ARGV: its digest, the URL
-- Returns 0 for one that no task names any more, which goes by itself.
if not is_named(ARGV[1]) or redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', 'ew:blob_urls', ARGV[1], ARGV[2])
redis.call('HDEL', 'ew:blobs', ARGV[1])
redis.call('DEL', KEYS[1])
return 1
