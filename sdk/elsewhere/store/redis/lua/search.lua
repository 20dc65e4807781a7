-- Finds the tasks in the sets of a query. Only reads.
-- KEYS[1]: ew:updated. ARGV: the first and last time of the last change, as ZCOUNT takes them; sets
-- that exclude: their number and they; clauses, to the end: a number of groups, each of which is a
-- number of sets and they. In each clause, a task must be in all sets of one group.
-- Returns ids, each followed by the time of its last change.
local at = 2
local CHUNK = 5000 -- Lua hands over fewer than 8000 arguments

local function words()
  local first, count = at + 2, tonumber(ARGV[at + 1])
  -- A reader may have written it, and a script that does not end holds up the whole server.
  assert(count >= 0 and first + count <= #ARGV + 1, 'not a query')
  at = at + 1 + count
  local found = {}
  for i = first, at do found[#found + 1] = ARGV[i] end
  return found
end

-- Calls `see(position, answer)` with a command's reply for each id.
local function each(command, key, ids, see)
  for first = 1, #ids, CHUNK do
    local last = math.min(first + CHUNK - 1, #ids)
    for i, answer in ipairs(redis.call(command, key, unpack(ids, first, last))) do
      see(first + i - 1, answer)
    end
  end
end

-- Those ids, in their order, for which some group has as many sets as hold them.
local function narrowed(ids, clause)
  local is_kept = {}
  for _, group in ipairs(clause) do
    local held = {}
    for i = 1, #ids do held[i] = 0 end
    for _, key in ipairs(group) do
      each('SMISMEMBER', key, ids, function(i, answer) held[i] = held[i] + answer end)
    end
    for i = 1, #ids do is_kept[i] = is_kept[i] or held[i] == #group end
  end
  local kept = {}
  for i, id in ipairs(ids) do
    if is_kept[i] then kept[#kept + 1] = id end
  end
  return kept
end

local function size(clause)
  local total = 0
  for _, group in ipairs(clause) do
    local least = math.huge
    for _, key in ipairs(group) do least = math.min(least, redis.call('SCARD', key)) end
    total = total + least
  end
  return total
end

local function members(clause)
  if #clause == 1 then return redis.call('SINTER', unpack(clause[1])) end
  local found, is_found = {}, {}
  for _, group in ipairs(clause) do
    for _, id in ipairs(redis.call('SINTER', unpack(group))) do
      if not is_found[id] then
        is_found[id] = true
        found[#found + 1] = id
      end
    end
  end
  return found
end

local excluded, clauses = words(), {}
while at < #ARGV do
  local count = tonumber(ARGV[at + 1])
  at = at + 1
  local clause = {}
  for i = 1, count do clause[i] = words() end
  clauses[#clauses + 1] = clause
end

local smallest, least = nil, redis.call('ZCOUNT', KEYS[1], ARGV[1], ARGV[2])
for i, clause in ipairs(clauses) do
  local its = size(clause)
  if its < least then smallest, least = i, its end
end
local ids
if smallest then
  ids = members(table.remove(clauses, smallest))
else
  ids = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[2])
end
for _, clause in ipairs(clauses) do ids = narrowed(ids, clause) end
for _, key in ipairs(excluded) do
  local kept = {}
  each('SMISMEMBER', key, ids, function(i, answer)
    if answer == 0 then kept[#kept + 1] = ids[i] end
  end)
  ids = kept
end
local answer = {}
each('ZMSCORE', KEYS[1], ids, function(i, score)
  if score then
    answer[#answer + 1] = ids[i]
    answer[#answer + 1] = score
  end
end)
return answer
