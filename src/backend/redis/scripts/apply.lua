--[[
Purpose: applies what one step changed, if nothing that it decided by has changed since.
Inputs: KEYS[1], the beginning of all keys. ARGV: the step's instant; whether the next due time is asked for (1 or 0); then
  five counts, each with what it counts:
  - what the step had reserved.
  - types: key, type. Of keys that are written and not looked at by a check.
  - checks: `H` key n (field, expected)*n, `G` key expected, `Z` key count, `L` and a part of a list of entries (see
    writing.lua) with n member*n. Expected: nothing (there is none), `=` and what the value begins with, `~` and what stands
    after its version up to the first space, `.` and the whole value.
  - commands: n argument*n, n at most 1000. They may be done twice, and cannot fail on their arity.
  - lists to be appended to: key how n value*n, how: `+`, or 0 for a list that is removed first. The list of a run's failures has instead: `F`, key, the run, n, (instant, value)*n.
Outputs: {"again"}: nothing was applied. {"done", the next due time or nothing}.
Atomic by: everything is checked before the first write. What happens if a write fails all the same: see writing.lua.
]]

local at = 3

local function following()
  local value = ARGV[at]
  at = at + 1
  return value
end

local function many()
  return tonumber(following())
end

local reserved = many()
local reservedFrom, reservedTo = at, at + reserved - 1
at = at + reserved

-- A hint to others: whether it is taken back does not matter.
local function release()
  for i = reservedFrom, reservedTo, 1000 do
    redis.pcall('HDEL', P .. 'reserved', unpack(ARGV, i, math.min(i + 999, reservedTo)))
  end
end

for _ = 1, many() do
  local key, expected = following(), following()
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected then
    return redis.error_reply('WRONGTYPE ' .. key .. ' is a ' .. found)
  end
end

local function isAs(value, expected)
  local kind = string.sub(expected, 1, 1)
  if kind == '' then return not value end
  if not value then return false end
  local text = string.sub(expected, 2)
  if kind == '=' then return string.sub(value, 1, #text) == text end
  if kind == '~' then return string.sub(value, 13, 13 + #text) == text .. ' ' end
  return value == text
end

local function isListUnchanged(key)
  local from, after, upTo, limit = following(), following(), following(), many()
  local found = entriesIn(key, from, after, upTo, limit)
  local n = many()
  if #found ~= n then at = at + n return false end
  for i = 1, n do
    if following() ~= found[i] then return false end
  end
  return true
end

local function isUnchanged()
  local kind, key = following(), following()
  if kind == 'L' then return isListUnchanged(key) end
  if kind == 'G' then return isAs(redis.call('GET', key), following()) end
  if kind == 'Z' then return redis.call('ZCARD', key) == many() end
  local fields, expected = {}, {}
  for i = 1, many() do
    fields[i] = following()
    expected[i] = following()
  end
  local values = redis.call('HMGET', key, unpack(fields))
  for i = 1, #fields do
    if not isAs(values[i], expected[i]) then return false end
  end
  return true
end

for _ = 1, many() do
  if not isUnchanged() then
    release()
    return {'again'}
  end
end

local commands = {}

for _ = 1, many() do
  local n = many()
  commands[#commands + 1] = {unpack(ARGV, at, at + n - 1)}
  at = at + n
end

local function append(key, length, n)
  for i = 1, n, 400 do
    local command = {'HSET', key}
    for j = i, math.min(i + 399, n) do
      command[#command + 1] = numberText(length + j)
      command[#command + 1] = following()
    end
    commands[#commands + 1] = command
  end
end

local failuresBefore

-- Each is also in the list of the failures of all runs, by when it was, then by a number that grows.
local function appendFailures(key, run, n)
  if not failuresBefore then failuresBefore = tonumber(redis.call('GET', P .. 'failures-count') or '0') end
  local length = redis.call('HLEN', key)
  for i = 1, n do
    local instant, value = following(), following()
    failuresBefore = failuresBefore + 1
    local place = numberText(failuresBefore)
    local field = numberText(length + i)
    commands[#commands + 1] = {'HSET', key, field, place .. ' ' .. value}
    commands[#commands + 1] = {'ZADD', P .. 'failures', instant, place .. ' ' .. run .. ' ' .. field}
  end
  commands[#commands + 1] = {'SET', P .. 'failures-count', string.format('%d', failuresBefore)}
end

for _ = 1, many() do
  local key = following()
  if key == 'F' then
    local list, run = following(), following()
    appendFailures(list, run, many())
  else
    local length = following() == '+' and redis.call('HLEN', key) or 0
    append(key, length, many())
  end
end

if #commands > 0 then
  local last = tonumber(redis.call('GET', P .. 'clock') or '0')
  if tonumber(ARGV[1]) > last then commands[#commands + 1] = {'SET', P .. 'clock', ARGV[1]} end
end

local failedAt, problem = writeFrom(commands, 1)
if failedAt == 1 then return redis.error_reply(problem) end
if failedAt then
  local lost = keepForLater(commands, failedAt)
  if lost then return redis.error_reply('UNFINISHED ' .. lost) end
  -- It will be finished by whoever comes next, so it is done; when something is due next is known only then.
  return {'done', ARGV[1]}
end
release()

local due
if ARGV[2] == '1' then
  for _, name in ipairs({'due', 'busy', 'timeouts', 'e:due'}) do
    local first = redis.pcall('ZRANGE', P .. name, 0, 0, 'WITHSCORES')
    local instant = not first.err and first[2]
    if instant and (not due or tonumber(instant) < tonumber(due)) then due = instant end
  end
end
return {'done', due or ''}
