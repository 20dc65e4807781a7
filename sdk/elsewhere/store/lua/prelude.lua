-- Shared by every script: KEYS[1] is the task's record key, ARGV[1] its id.
local base, id = KEYS[1], ARGV[1]
local state = base .. ':state'

local function stamp()
  local t = redis.call('TIME')
  return string.format('%d.%06d', tonumber(t[1]), tonumber(t[2]))
end

local function get(field)
  return redis.call('HGET', state, field) or ''
end

local function touch(at)
  redis.call('HSET', state, 'updated_at', at)
  redis.call('ZADD', 'ew:updated', at, id)
end

local function among(list, status)
  return list == '' or string.find(',' .. list .. ',', ',' .. status .. ',', 1, true)
end

local function set_status(old, new, at)
  redis.call('SREM', 'ew:status:' .. old, id)
  redis.call('SADD', 'ew:status:' .. new, id)
  redis.call('HSET', state, 'status', new, 'previous_status', old)
  if old == 'queued' then redis.call('ZREM', 'ew:queued', id) end
  if old == 'in_progress' then redis.call('ZREM', 'ew:leases', id) end
  touch(at)
  redis.call('PUBLISH', 'ew:changed:' .. id, 'status')
end

local function write_attempt(number, outcome, at, only_if_open)
  local written = redis.call('HGET', base .. ':attempts', number)
  if not written then return end
  local attempt = cjson.decode(written)
  if only_if_open and attempt.ended_at then return end
  attempt.ended_at = tonumber(at)
  attempt.outcome = cjson.decode(outcome)
  redis.call('HSET', base .. ':attempts', number, cjson.encode(attempt))
end

local function end_attempt(number, outcome, at)
  write_attempt(number, outcome, at)
  redis.call('HSET', state, 'outcome', outcome, 'ended_at', at)
end

-- POINTS series packed count iteration last minimum maximum
local function add_points(series, packed, count, iteration, last, minimum, maximum)
  redis.call('APPEND', base .. ':points:' .. series, packed)
  local written = redis.call('HGET', base .. ':scalars', series)
  if written then
    local c, i, _, low, high = string.match(written, '(%S+) (%S+) (%S+) (%S+) (%S+)')
    count = string.format('%d', tonumber(c) + tonumber(count))
    if tonumber(i) > tonumber(iteration) then iteration = i end
    if tonumber(low) < tonumber(minimum) or tonumber(minimum) ~= tonumber(minimum) then minimum = low end
    if tonumber(high) > tonumber(maximum) or tonumber(maximum) ~= tonumber(maximum) then maximum = high end
  end
  redis.call('HSET', base .. ':scalars', series,
    table.concat({count, iteration, last, minimum, maximum}, ' '))
  local highest = tonumber(get('last_iteration')) or 0
  if string.sub(series, 1, 1) ~= ':' and tonumber(iteration) > highest then
    redis.call('HSET', state, 'last_iteration', iteration)
  end
end

-- FIELD name json
local function set_field(name, value)
  local old = redis.call('HGET', base, name)
  redis.call('HSET', base, name, value)
  if name == 'type' then
    redis.call('SREM', 'ew:type:' .. cjson.decode(old or '"training"'), id)
    redis.call('SADD', 'ew:type:' .. cjson.decode(value), id)
  elseif (name == 'name' or name == 'project') and old then
    local project = cjson.decode(name == 'project' and old or redis.call('HGET', base, 'project'))
    local called = cjson.decode(name == 'name' and old or redis.call('HGET', base, 'name'))
    redis.call('SREM', 'ew:project:' .. project, id)
    redis.call('SREM', 'ew:named:' .. project .. '\31' .. called, id)
    if name == 'name' then called = cjson.decode(value) else project = cjson.decode(value) end
    redis.call('SADD', 'ew:project:' .. project, id)
    redis.call('SADD', 'ew:named:' .. project .. '\31' .. called, id)
    redis.call('ZADD', 'ew:projects', stamp(), project)
  end
end

-- Operations from ARGV[first] on, each: number of words, then the words of a command.
local function run_operations(first)
  local at = first
  while at <= #ARGV do
    local count = tonumber(ARGV[at])
    if ARGV[at + 1] == 'POINTS' then
      add_points(unpack(ARGV, at + 2, at + count))
    elseif ARGV[at + 1] == 'FIELD' then
      set_field(ARGV[at + 2], ARGV[at + 3])
    else
      redis.call(unpack(ARGV, at + 1, at + count))
    end
    at = at + count + 1
  end
end
