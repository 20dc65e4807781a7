-- The task names no blobs any more. ARGV: id
for _, field in ipairs(redis.call('HKEYS', base .. ':blobs')) do name_blobs(field) end
