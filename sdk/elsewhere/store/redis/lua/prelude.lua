-- Shared by every script: KEYS[1] is the task's record key, ARGV[1] its id. Before it stand CLEARED,
-- the `parts` and the `fields` of the state to be cleared at each time, CHUNK_POINTS of one key,
-- and BUCKET_POINTS with FEW_BUCKETS.
local base, id = KEYS[1], ARGV[1]
local state, dropped = base .. ':state', base .. ':dropped'

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

-- The last model that a task made is published with it.
local function publish_model()
  local uses, last, last_at = redis.call('HGETALL', base .. ':models'), '', 0
  for i = 1, #uses, 2 do
    local at, model = string.match(uses[i + 1], '^(%S+) (%S+)$')
    if string.sub(uses[i], 1, 7) == 'output/' and tonumber(at) >= last_at then
      last, last_at = model, tonumber(at)
    end
  end
  if redis.call('HGET', 'ew:model:' .. last, 'task') == cjson.encode(id) then
    redis.call('HSET', 'ew:model:' .. last, 'is_published', 'true')
  end
end

-- Out of the queue together with its entry, which RQ has in two keys: see keys.py.
local function leave_queue()
  redis.call('HDEL', state, 'due_at', 'avoids')
  redis.call('ZREM', 'ew:queued', id)
  redis.call('LREM', 'rq:queue:' .. get('queue'), 0, id)
  redis.call('DEL', 'rq:job:' .. id)
end

local function set_status(old, new, at)
  if new == 'published' then publish_model() end
  redis.call('SREM', 'ew:status:' .. old, id)
  redis.call('SADD', 'ew:status:' .. new, id)
  redis.call('HSET', state, 'status', new, 'previous_status', old)
  if old == 'queued' then leave_queue() end
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

-- Histories: what the keys have is in keys.py. Bytes that the item of `head` names are noted, unless
-- they are those at `url`.
local function note_dropped(head, url)
  local its_url, machine = string.match(head, '\n([^\n]*)\n(.*)$')
  if its_url ~= '' and its_url ~= url then redis.call('HSET', dropped, its_url, machine) end
end

-- ITEM part series last iteration at place url machine json: `place` is the time, which sorts as text.
-- What stays does not depend on the order in which journals come, also when they come once more.
local function add_item(part, series, last, iteration, at, place, url, machine, json)
  local key, item = base .. ':' .. part, series .. iteration
  local order, heads, items = key .. ':order', key .. ':heads', key .. ':items'
  local from, to = '[' .. series, '(' .. series .. ':'
  local rank, old = string.format('%06d', get('attempt')) .. place, redis.call('HGET', heads, item)
  if old then
    local its_rank, its_at = string.match(old, '^(%S+) (%S+)')
    if its_at == at then rank = its_rank end  -- the same report once more
    if its_rank > rank then
      note_dropped('\n' .. url .. '\n' .. machine, string.match(old, '\n([^\n]*)'))
      return
    end
    note_dropped(old, url)
    redis.call('ZREM', order, series .. its_rank .. ' ' .. iteration)
  end
  redis.call('ZADD', order, 0, series .. rank .. ' ' .. iteration)
  redis.call('HSET', heads, item, rank .. ' ' .. at .. '\n' .. url .. '\n' .. machine)
  redis.call('HSET', items, item, json)
  redis.call('HDEL', dropped, url)
  local count = redis.call('ZLEXCOUNT', order, from, to)
  while count > tonumber(last) do
    local oldest = redis.call('ZRANGEBYLEX', order, from, to, 'LIMIT', 0, 1)[1]
    local its_item = series .. string.match(oldest, ' (%S+)$')
    note_dropped(redis.call('HGET', heads, its_item), '')
    redis.call('ZREM', order, oldest)
    redis.call('HDEL', heads, its_item)
    redis.call('HDEL', items, its_item)
    count = count - 1
  end
  local newest = string.match(redis.call('ZREVRANGEBYLEX', order, to, from, 'LIMIT', 0, 1)[1], ' (%S+)$')
  local newest_at = string.match(redis.call('HGET', heads, series .. newest), '^%S+ (%S+)')
  redis.call('HSET', key, series, count .. ' ' .. newest_at)
end

local function points_key(series, chunk)
  return base .. (chunk == 0 and ':points:' or string.format(':chunk:%d:', chunk)) .. series
end

local function clear_part(part)
  if part == 'scalars' then
    local found = redis.call('HGETALL', base .. ':scalars')
    for i = 1, #found, 2 do
      local last = math.floor((tonumber(string.match(found[i + 1], '%S+')) - 1) / CHUNK_POINTS)
      for chunk = 0, last do redis.call('DEL', points_key(found[i], chunk)) end
      redis.call('DEL', base .. ':buckets:' .. found[i])
    end
  end
  local key = base .. ':' .. part
  for _, head in ipairs(redis.call('HVALS', key .. ':heads')) do note_dropped(head, '') end
  redis.call('DEL', key, key .. ':order', key .. ':heads', key .. ':items')
end

-- What events left that are cleared at CLAIM, RESET or RESTART, see core/kept.py.
local function clear(when)
  for _, part in ipairs(CLEARED[when].parts) do clear_part(part) end
  for _, field in ipairs(CLEARED[when].fields) do redis.call('HDEL', state, field) end
end

-- Whether the task is run again after its failure for this reason; then it waits in its queue until it
-- is due, and the reaper pushes its entry.
local function retries(old, reason, at)
  local is_read, policy = pcall(cjson.decode, redis.call('HGET', base, 'retries') or '')
  if not is_read or type(policy) ~= 'table' or type(policy.reasons) ~= 'table' then return false end
  local failures, is_among = tonumber(get('failures')) or 0, false
  for _, one in ipairs(policy.reasons) do is_among = is_among or one == reason end
  if not is_among or failures >= (tonumber(policy.count) or 0) or get('queue') == '' then return false end
  set_status(old, 'queued', at)
  local due_at = string.format('%.6f', tonumber(at) + (tonumber(policy.backoff_s) or 0) * 2 ^ failures)
  redis.call('HSET', state, 'failures', failures + 1, 'losses', 0, 'queued_at', due_at, 'due_at', due_at,
    'avoids', policy.avoids_host and get('worker') or '')
  redis.call('ZADD', 'ew:queued', due_at, id)
  return true
end

-- The attempt `number` of the task, which was `old`.
local function begin_attempt(old, number, worker, token, lease_s)
  local at = stamp()
  redis.call('HSET', state, 'attempt', number)
  -- The curves are those of the newest attempt, unless the task is continued: older attempts may
  -- not write any more.
  local continues_at = redis.call('HGET', base, 'continues_at') or 'null'
  if continues_at == 'null' then clear('CLAIM') end
  set_status(old, 'in_progress', at)
  local lease = string.format('%.6f', tonumber(at) + tonumber(lease_s))
  redis.call('HDEL', state, 'stop_requested_at', 'outcome', 'ended_by', 'ended_at', 'message')
  clear('RESTART')
  redis.call('HSET', state, 'worker', worker, 'token', token, 'started_at', at,
    'lease_until', lease)
  redis.call('ZADD', 'ew:leases', lease, id)
  redis.call('HSET', base .. ':attempts', number,
    cjson.encode({number = number, worker = worker, started_at = tonumber(at)}))
end

-- Whole numbers as texts: a number of Lua is exact up to 2^53 only.
local function exceeds(one, other)
  local is_negative = string.sub(one, 1, 1) == '-'
  if is_negative ~= (string.sub(other, 1, 1) == '-') then return not is_negative end
  if is_negative then one, other = other, one end
  if #one ~= #other then return #one > #other end
  return one > other
end

local POINT_BYTES, BUCKET_BYTES = 24, 52

-- Two buckets as one, see curves.py: a count, and the lowest and the highest point in their order.
local function joined(one, other, count)
  local points, low, high, lowest, highest = {}, 1, 1
  for _, bucket in ipairs({one, other}) do
    points[#points + 1] = string.sub(bucket, 5, 28)
    points[#points + 1] = string.sub(bucket, 29, 52)
  end
  lowest = struct.unpack('<d', points[1], 17)
  highest = lowest
  for i, point in ipairs(points) do
    local value = struct.unpack('<d', point, 17)
    if value == value and not (value >= lowest) then low, lowest = i, value end
    if value == value and not (value <= highest) then high, highest = i, value end
  end
  return struct.pack('<I4', count) .. points[math.min(low, high)] .. points[math.max(low, high)]
end

local function bucket_points(count)
  for _, points in ipairs(BUCKET_POINTS) do
    if count <= FEW_BUCKETS * points then return points end
  end
  return BUCKET_POINTS[#BUCKET_POINTS]
end

-- Neighbours become one where there is room: the last bucket and new ones, or all when they grow.
local function add_buckets(series, buckets, before, count)
  local key, most, from = base .. ':buckets:' .. series, bucket_points(count), 0
  if most == bucket_points(before) then
    from = math.max(0, redis.call('STRLEN', key) - BUCKET_BYTES)
  end
  buckets = redis.call('GETRANGE', key, from, -1) .. buckets
  local found, last, points = {}, string.sub(buckets, 1, BUCKET_BYTES), struct.unpack('<I4', buckets)
  for at = BUCKET_BYTES + 1, #buckets, BUCKET_BYTES do
    local one = string.sub(buckets, at, at + BUCKET_BYTES - 1)
    local more = struct.unpack('<I4', one)
    if points + more <= most then
      last, points = joined(last, one, points + more), points + more
    else
      found[#found + 1] = last
      last, points = one, more
    end
  end
  found[#found + 1] = last
  if from == 0 then
    redis.call('SET', key, table.concat(found))
  else
    redis.call('SETRANGE', key, from, table.concat(found))
  end
end

-- `count`: the points that are there.
local function append_points(series, packed, count)
  while #packed > 0 do
    local inside = count % CHUNK_POINTS
    local bytes = math.min((CHUNK_POINTS - inside) * POINT_BYTES, #packed)
    local key = points_key(series, (count - inside) / CHUNK_POINTS)
    redis.call('APPEND', key, string.sub(packed, 1, bytes))
    packed, count = string.sub(packed, bytes + 1), count + bytes / POINT_BYTES
  end
end

-- POINTS, and the fields of a `curves.Piece`
local function add_points(series, packed, buckets, is_counted, count, iteration, last, low, high, low_at, high_at)
  local written = redis.call('HGET', base .. ':scalars', series)
  local there = 0
  if written then
    local numbers = {}
    for number in string.gmatch(written, '%S+') do numbers[#numbers + 1] = number end
    local _, i, _, old_low, old_high, old_low_at, old_high_at = unpack(numbers)
    there = tonumber(numbers[1])
    if exceeds(i, iteration) then iteration = i end
    if tonumber(old_low) <= tonumber(low) or tonumber(low) ~= tonumber(low) then
      low, low_at = old_low, old_low_at or '-'
    end
    if tonumber(old_high) >= tonumber(high) or tonumber(high) ~= tonumber(high) then
      high, high_at = old_high, old_high_at or '-'
    end
  end
  append_points(series, packed, there)
  add_buckets(series, buckets, there, there + tonumber(count))
  count = string.format('%d', there + tonumber(count))
  redis.call('HSET', base .. ':scalars', series,
    table.concat({count, iteration, last, low, high, low_at, high_at}, ' '))
  local highest = get('last_iteration')
  if is_counted == '1' and exceeds(iteration, highest == '' and '0' or highest) then
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

local function model_key(model) return 'ew:model:' .. model end

-- `command` is SADD or SREM: the sets that a model is in.
local function index_model(command, model)
  local project = redis.call('HGET', model_key(model), 'project')
  local tags = redis.call('HGET', model_key(model), 'tags')
  if project then redis.call(command, 'ew:model_project:' .. cjson.decode(project), model) end
  for _, tag in ipairs(cjson.decode(tags or '[]')) do
    redis.call(command, 'ew:model_tag:' .. tag, model)
  end
end

-- `place` is '' for none.
local function place_model(model, place)
  local old = redis.call('HGET', model_key(model), 'place') or ''
  if redis.call('HGET', 'ew:model_urls', old) == model then redis.call('HDEL', 'ew:model_urls', old) end
  redis.call('HSET', model_key(model), 'place', place)
  if place ~= '' then redis.call('HSET', 'ew:model_urls', place, model) end
end

local function is_made_by(task, model)
  return redis.call('HGET', model_key(model), 'task') == cjson.encode(task)
end

-- MODEL model owner place name json ...
-- `owner` is the task whose own journal has it, which may not change another's model; '' from
-- outside. `place` is '=' where it stays. A field without json goes; `metadata` are all of them.
local function set_model(model, owner, place, ...)
  local key, words = model_key(model), {...}
  local is_new = redis.call('EXISTS', key) == 0
  if owner ~= '' and not is_new and not is_made_by(owner, model) then return end
  index_model('SREM', model)
  for i = 1, #words, 2 do
    local name, value = words[i], words[i + 1]
    if value ~= '' then
      redis.call('HSET', key, name, value)
    elseif name == 'metadata' then
      for _, one in ipairs(redis.call('HKEYS', key)) do
        if string.sub(one, 1, 9) == 'metadata/' then redis.call('HDEL', key, one) end
      end
    else
      redis.call('HDEL', key, name)
    end
  end
  if place ~= '=' then place_model(model, place) end
  local at = stamp()
  redis.call('HSETNX', key, 'created_at', at)
  redis.call('HSET', key, 'updated_at', at)
  redis.call('ZADD', 'ew:models', at, model)
  index_model('SADD', model)
end

-- UNUSE field: `input/<name>` or `output/<name>`
local function unuse_model(field)
  local key = base .. ':models'
  local old = redis.call('HGET', key, field)
  if not old then return end
  redis.call('HDEL', key, field)
  local model = string.match(old, '%S+$')
  local uses = redis.call('HGETALL', key)
  for i = 1, #uses, 2 do
    local is_input = string.sub(uses[i], 1, 6) == 'input/'
    if is_input and string.match(uses[i + 1], '%S+$') == model then return end
  end
  redis.call('SREM', model_key(model) .. ':tasks', id)
end

-- USE field model at: used again under the same name, it stays in its place.
local function use_model(field, model, at)
  local key = base .. ':models'
  local old = redis.call('HGET', key, field)
  if old and string.match(old, '%S+$') == model then return end
  unuse_model(field)
  redis.call('HSET', key, field, at .. ' ' .. model)
  if string.sub(field, 1, 6) == 'input/' then
    redis.call('SADD', model_key(model) .. ':tasks', id)
  end
end

-- LOAD field model at place url name json ...
-- The model that lies there is used, else this one, which comes from outside. Not the task's own:
-- it did not begin from that.
local function load_model(field, model, at, place, url, ...)
  local known = redis.call('HGET', 'ew:model_urls', place) or redis.call('HGET', 'ew:model_urls', url)
  if not known then set_model(model, id, place, ...) end
  if known and is_made_by(id, known) then return end
  use_model(field, known or model, at)
end

-- REPORT model operation ...: of the task's own model, POINTS or ITEM, kept with the model.
local function report_model(model, operation, ...)
  if not is_made_by(id, model) then return end
  local its_base = base
  base = model_key(model)
  if operation == 'POINTS' then add_points(...) else add_item(...) end
  base = its_base
end

-- A blob lives while a task names it: `ew:blob:<digest>:tasks` are those that do, `ew:blobs` has its
-- bytes, and the task's `blobs` has the digests by the field of the record that names them.
-- Its bytes may lie in storage: `ew:blob_urls` has where, `ew:blobs_left` since when no task names one.
-- Whoever has just put a blob, or found it there, may be making a task with it: it stays for a day.
local UNNAMED_S = 24 * 3600

local function blob_key(digest) return 'ew:blob:' .. digest end

local function is_named(digest)
  return redis.call('EXISTS', blob_key(digest) .. ':tasks') == 1
end

local function keep_named(digest)
  local key = blob_key(digest)
  redis.call('ZREM', 'ew:blobs_left', digest)
  if redis.call('EXISTS', key) == 0 then return end
  redis.call('PERSIST', key)
  redis.call('HSET', 'ew:blobs', digest, redis.call('STRLEN', key))
end

-- Earlier versions kept a blob for 30 days, and did not note which tasks name it. Until an agent has
-- looked at all tasks (blobs.py), a blob that no task seems to name is kept as they kept it.
local function keep_unnamed(digest)
  local limit_s = UNNAMED_S
  if redis.call('HEXISTS', 'ew:blob_urls', digest) == 1 then
    redis.call('ZADD', 'ew:blobs_left', stamp(), digest)
  end
  if redis.call('EXISTS', 'ew:blobs_named') == 0 then limit_s = 30 * UNNAMED_S end
  if redis.call('TTL', blob_key(digest)) < limit_s then
    redis.call('EXPIRE', blob_key(digest), limit_s)
  end
end

-- BLOBS field digest ...: those that the field of the record names from now on. What is no digest
-- is left out: it would be another key.
local function name_blobs(field, ...)
  local key, named = base .. ':blobs', {}
  local old = redis.call('HGET', key, field) or ''
  for _, digest in ipairs({...}) do
    if #digest == 64 and not string.find(digest, '[^0-9a-f]') then
      named[#named + 1] = digest
      redis.call('SADD', blob_key(digest) .. ':tasks', id)
      keep_named(digest)
    end
  end
  redis.call('HDEL', key, field)
  if #named > 0 then redis.call('HSET', key, field, table.concat(named, ' ')) end
  local all = table.concat(redis.call('HVALS', key), ' ')
  for digest in string.gmatch(old, '%x+') do
    if not string.find(all, digest, 1, true) then
      redis.call('SREM', blob_key(digest) .. ':tasks', id)
      if not is_named(digest) then
        redis.call('HDEL', 'ew:blobs', digest)
        keep_unnamed(digest)
      end
    end
  end
end

local OPERATIONS = {
  BLOBS = name_blobs, FIELD = set_field, ITEM = add_item, LOAD = load_model, MODEL = set_model, POINTS = add_points,
  REPORT = report_model, UNUSE = unuse_model, USE = use_model,
}

-- Operations from ARGV[first] on, each: number of words, then the words of a command.
local function run_operations(first)
  local at = first
  while at <= #ARGV do
    local count = tonumber(ARGV[at])
    local operation = OPERATIONS[ARGV[at + 1]]
    if operation then
      operation(unpack(ARGV, at + 2, at + count))
    else
      redis.call(unpack(ARGV, at + 1, at + count))
    end
    at = at + count + 1
  end
end
