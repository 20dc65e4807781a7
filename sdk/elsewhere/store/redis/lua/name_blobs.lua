-- Notes the blobs of a task that an earlier version has written. ARGV: id, field, its json as it was
-- read, digests... Whoever has changed the field in the meantime has noted them, too.
if get('status') == '' or redis.call('HGET', base, ARGV[2]) ~= ARGV[3] then return end
name_blobs(ARGV[2], unpack(ARGV, 4))
