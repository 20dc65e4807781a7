-- Finds the attempts that may be reaped. KEYS[1]: ew:sweep. ARGV: sweep seconds, hold-off seconds
-- One sweeper at a time; after a time in which nobody swept, owners get the hold-off to come back.
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1e6
local last = tonumber(redis.call('HGET', KEYS[1], 'last') or '0')
local hold = tonumber(redis.call('HGET', KEYS[1], 'hold_until') or '0')
if now - last < tonumber(ARGV[1]) * 0.5 then return {0, ''} end
redis.call('HSET', KEYS[1], 'last', string.format('%.6f', now))
if now - last > tonumber(ARGV[2]) / 4 then
  hold = now + tonumber(ARGV[2])
  redis.call('HSET', KEYS[1], 'hold_until', string.format('%.6f', hold))
end
if now < hold then return {1, ''} end
return {1, string.format('%.6f', now)}
