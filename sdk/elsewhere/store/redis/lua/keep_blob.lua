-- Makes a blob of the bytes that were written beside it. ARGV: its digest, the key beside
-- A task may name it already. Called again after a lost reply, it finds nothing beside.
if redis.call('EXISTS', ARGV[2]) == 1 then redis.call('RENAME', ARGV[2], KEYS[1]) end
if is_named(ARGV[1]) then keep_named(ARGV[1]) else redis.call('EXPIRE', KEYS[1], UNNAMED_S) end
