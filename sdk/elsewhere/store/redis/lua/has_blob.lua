-- Returns 1 for a blob that is there, which stays for a while from now on. ARGV: its digest
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if not is_named(ARGV[1]) then keep_unnamed(ARGV[1]) end
return 1
