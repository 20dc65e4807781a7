-- Returns 1 for a blob that is there or in storage; it stays for a while from now on. ARGV: its digest
local is_there = redis.call('EXISTS', KEYS[1]) == 1
if not is_there and redis.call('HEXISTS', 'ew:blob_urls', ARGV[1]) == 0 then return 0 end
if not is_named(ARGV[1]) then keep_unnamed(ARGV[1]) end
return 1
