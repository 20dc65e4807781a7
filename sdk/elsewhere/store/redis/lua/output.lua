-- Appends output once. ARGV: id, attempt, from, to, block bytes, head blocks, tail blocks,
-- pending line, data. `from` and `to` are offsets in the machine's file; what is stored may be
-- shorter, since progress bars are collapsed. Returns {1, offset} or {0, status}.
if get('attempt') ~= ARGV[2] then return {0, get('status')} end
local key = base .. ':output'
local n = ARGV[2]
local stands = redis.call('HGET', key, n .. ':from') or '0'
if stands ~= ARGV[3] then return {1, tonumber(stands)} end
local size, head, tail = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local length = tonumber(redis.call('HGET', key, n .. ':length') or '0')
local data, at = ARGV[9], 1
while at <= #data do
  local block = math.floor(length / size)
  local piece = string.sub(data, at, at + size - (length % size) - 1)
  local name = key .. ':' .. n .. ':' .. block
  redis.call('APPEND', name, piece)
  -- A string that was appended to has room for more, up to one and a half times its length.
  if (length + #piece) % size == 0 then redis.call('SET', name, redis.call('GET', name), 'KEEPTTL') end
  local old = block - tail
  if length % size == 0 and old >= head then redis.call('DEL', key .. ':' .. n .. ':' .. old) end
  length = length + #piece
  at = at + #piece
end
redis.call('HSET', key, n .. ':from', ARGV[4], n .. ':length', string.format('%d', length),
  n .. ':pending', ARGV[8])
if #data > 0 then touch(stamp()) end
redis.call('PUBLISH', 'ew:changed:' .. id, 'output')
return {1, tonumber(ARGV[4])}
