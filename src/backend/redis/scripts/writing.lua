--[[
Purpose: what all scripts have in common: how they write, and how what one of them left unfinished is finished. The text of
  this file comes before that of each other one.
Inputs: KEYS[1], the beginning of all keys of the partition, is the first key of every script.
Outputs: functions for the scripts below.
Atomic by: a script is not interrupted, but Redis does not undo what it wrote before an error. All checks come before
  the first write; writes are commands that may be done twice; one that fails is tried again, and if it fails again, it and
  all that follow are kept under one key, which whatever script comes next does before all else.
]]

local P = KEYS[1]
local UNFINISHED = P .. 'unfinished'

-- A whole number as it stands in indexes: a letter for how many digits it has, and the digits.
local function numberText(number)
  local digits = string.format('%d', number)
  return string.char(96 + #digits) .. digits
end

-- Whether a text comes before another by its bytes, as in indexes. Lua's own comparison goes by the server's locale.
local function comesBefore(a, b)
  for i = 1, math.min(#a, #b) do
    local byteA, byteB = string.byte(a, i), string.byte(b, i)
    if byteA ~= byteB then return byteA < byteB end
  end
  return #a < #b
end

-- Members of a list of entries: what comes after a place (an instant and a member, or nothing), up to an instant, so many.
local function entriesIn(key, from, after, upTo, limit)
  local members, offset = {}, 0
  while #members < limit do
    local min = from == '' and '-inf' or from
    local found = redis.call('ZRANGEBYSCORE', key, min, upTo, 'WITHSCORES', 'LIMIT', offset, limit + 1)
    for i = 1, #found, 2 do
      local isAfter = from == '' or tonumber(found[i + 1]) > tonumber(from) or comesBefore(after, found[i])
      if isAfter and #members < limit then members[#members + 1] = found[i] end
    end
    if #found < 2 * (limit + 1) then return members end
    offset = offset + limit + 1
  end
  return members
end

-- When the first of a session's items is due, or its lease ends, as long as it has items.
local function placeSession(session)
  local first = redis.pcall('ZRANGE', P .. 'b:' .. session, 0, 0, 'WITHSCORES')
  if first.err then return first end
  local at = first[2]
  if at then
    local lease = redis.pcall('ZSCORE', P .. 'leases', session)
    if type(lease) == 'table' then return lease end
    if lease and tonumber(lease) < tonumber(at) then at = lease end
  end
  if at and at ~= 'inf' then return redis.pcall('ZADD', P .. 'busy', at, session) end
  return redis.pcall('ZREM', P .. 'busy', session)
end

-- Takes a run's failures out of the list of all, a bounded number; readers pass over those that are left.
local function forgetFailures(key, run)
  local count = redis.pcall('HLEN', key)
  if type(count) == 'table' then return count end
  local gone = {}
  for n = 1, math.min(count, 1000) do
    local field = numberText(n)
    local entry = redis.pcall('HGET', key, field)
    if type(entry) == 'table' then return entry end
    if entry then gone[#gone + 1] = string.match(entry, '^%S*') .. ' ' .. run .. ' ' .. field end
  end
  if #gone == 0 then return 0 end
  return redis.pcall('ZREM', P .. 'failures', unpack(gone))
end

local function doOnce(command)
  if command[1] == '@session' then return placeSession(command[2]) end
  if command[1] == '@failures' then return forgetFailures(command[2], command[3]) end
  return redis.pcall(unpack(command))
end

local function failed(reply)
  return type(reply) == 'table' and reply.err
end

-- Does the command, twice if need be. Gives the error if it fails both times.
local function write(command)
  local problem = failed(doOnce(command))
  if problem then problem = failed(doOnce(command)) end
  return problem
end

-- Does the commands from the given one on. Gives the number of the first that failed and its error, if one did.
local function writeFrom(commands, from)
  for at = from, #commands do
    local problem = write(commands[at])
    if problem then return at, problem end
  end
end

local function keepForLater(commands, from)
  local rest = {}
  for at = from, #commands do rest[#rest + 1] = commands[at] end
  return write({'SET', UNFINISHED, cmsgpack.pack(rest)})
end

-- What an earlier script could not finish. Gives the error if it cannot be finished now either.
local function finishEarlier()
  local kept = redis.call('GET', UNFINISHED)
  if not kept then return end
  local at, problem = writeFrom(cmsgpack.unpack(kept), 1)
  if at then return problem end
  return write({'DEL', UNFINISHED})
end

do
  local problem = finishEarlier()
  if problem then
    return redis.error_reply('UNFINISHED ' .. problem)
  end
end
