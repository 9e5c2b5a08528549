--[[
Purpose: gives a step the rows that it asks for, and the server's instant. Rows that only one step is to work on (ready
  items and the like) are reserved for a moment, so that others look further; that is a hint, and nothing relies on it.
Inputs: KEYS[1], the beginning of all keys. ARGV: the instant, where the clock is not the server's, or nothing; who asks,
  and under which name it may have reserved before; how long to reserve, in ms; then what is asked for:
  - `R` run lock n field*n: fields of a run, and the groups around those that are items or groups. lock: 0 no, 1 wait while
    somebody else has it to himself, 2 the same and have it alone for a moment.
  - `H` key n field*n. `G` key. `S` session, and 1 if what stays of it is asked for too, else 0.
  - `Q` stalled (0 or 1) limit reserved n lane*n: ready items, so many of them reserved. `D` limit: due items.
  - `T` limit: runs whose timeout is due. `F` before limit: ended runs. `E`: sessions whose leases ended.
  - `B` session: its items in progress. `A` run: its items aside. `M` run item: results of its steps.
  - `O` before limit n key*n: checkpoints. `N` key instant member instant (or `now`) limit skip: entries of a
    list.
Outputs: {"wait"}: somebody else has a run to himself. {"rows", instant, number of lanes, a reply for each that is asked for}.
Atomic by: it writes nothing but reservations, and takes out of the indexes what stands for rows that are not there.
]]

local OWNER, ALIAS, RESERVE_MS = ARGV[2], ARGV[3], tonumber(ARGV[4])
local RESERVED = P .. 'reserved'
local MOST_PASSED = 2000
local MOST_PAYLOAD = 4194304

local time = redis.call('TIME')
local real = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local now = ARGV[1] == '' and real or tonumber(ARGV[1])
now = math.max(now, tonumber(redis.call('GET', P .. 'clock') or '0'))
local instant = string.format('%.17g', now)

local at = 5

local function following()
  local value = ARGV[at]
  at = at + 1
  return value
end

local function many(n)
  local values = {}
  for i = 1, n do values[i] = ARGV[at + i - 1] end
  at = at + n
  return values
end

-- reservations ---------------------------------------------------------------------------------------------------------

local anyReserved = redis.call('HLEN', RESERVED) > 0
local reservedNow = {}

local function isOthers(reservation)
  if not reservation then return false end
  local owner, untilMs = string.match(reservation, '^(%S*) (%d+)$')
  return owner ~= OWNER and owner ~= ALIAS and untilMs and tonumber(untilMs) > real
end

-- Which of the names others have reserved.
local function othersHave(names)
  local others = {}
  if not anyReserved or #names == 0 then return others end
  for i = 1, #names, 1000 do
    local found = redis.call('HMGET', RESERVED, unpack(names, i, math.min(i + 999, #names)))
    for j = 1, #found do others[i + j - 1] = isOthers(found[j]) end
  end
  return others
end

local function reserve(name)
  reservedNow[#reservedNow + 1] = name
end

local function keepReservations()
  -- What crashed processes left behind is thrown away with all others: they are hints.
  if anyReserved and redis.call('HLEN', RESERVED) > 20000 then redis.pcall('DEL', RESERVED) end
  local value = OWNER .. ' ' .. string.format('%d', real + RESERVE_MS)
  for i = 1, #reservedNow, 400 do
    local command = {'HSET', RESERVED}
    for j = i, math.min(i + 399, #reservedNow) do
      command[#command + 1] = reservedNow[j]
      command[#command + 1] = value
    end
    redis.pcall(unpack(command))
  end
end

-- rows -----------------------------------------------------------------------------------------------------------------

-- The group that an item's or a group's row names: the text before the last space of its beginning.
local function groupOf(field, row)
  if string.byte(field) == 105 then return string.match(row, '^............%S+ (%S*) ') end
  return string.match(row, '^(%S*) ')
end

-- The groups around items and groups, each once: field, row, field, row, and so on.
local function addGroups(key, field, row, around, seen)
  local group = groupOf(field, row)
  while group and group ~= '' and not seen[group] do
    seen[group] = true
    field = 'g' .. group
    row = redis.call('HGET', key, field)
    if not row then return end
    around[#around + 1] = field
    around[#around + 1] = row
    group = groupOf(field, row)
  end
end

local function runFields()
  local run, lock, n = following(), following(), tonumber(following())
  local key = P .. 'r:' .. run
  local fields = many(n)
  local values = redis.call('HMGET', key, unpack(fields))
  local around, seen = {}, {}
  for i = 1, n do
    local letter = string.byte(fields[i])
    if values[i] and (letter == 105 or letter == 103) then addGroups(key, fields[i], values[i], around, seen) end
  end
  if lock == '2' then reserve('R ' .. run) end
  values[n + 1] = around
  return values
end

-- Rows of items and of their runs: {contended, complete, items, (member, row, payload)*, (run, row)*}.
local function itemRows(members, rows, contended, complete)
  local reply = {contended and 1 or 0, complete and 1 or 0, #members}
  local bytes = 0
  local runs, seen = {}, {}
  for i = 1, #members do
    local row = rows[i]
    local payload = row[3]
    if payload then
      bytes = bytes + #payload
      if bytes > MOST_PAYLOAD then payload = false end
    end
    reply[#reply + 1] = members[i]
    reply[#reply + 1] = row[2]
    reply[#reply + 1] = payload
    local run = string.match(members[i], '^(%S*) ')
    if not seen[run] then
      seen[run] = true
      runs[#runs + 1] = run
      runs[#runs + 1] = row[1]
    end
  end
  for i = 1, #runs do reply[#reply + 1] = runs[i] end
  return reply
end

-- {state of the run, row of the item, payload}; each may be absent.
local function itemRow(member)
  local run, item = string.match(member, '^(%S*) (%S*)$')
  return redis.call('HMGET', P .. 'r:' .. run, 's', 'i' .. item, 'p' .. item)
end

-- lists ----------------------------------------------------------------------------------------------------------------

local function isBefore(scoreA, memberA, scoreB, memberB)
  if scoreA ~= scoreB then return scoreA < scoreB end
  return comesBefore(memberA, memberB)
end

local function refill(source, window)
  local entries
  if source.upTo then
    entries = redis.call('ZRANGEBYSCORE', source.key, '-inf', source.upTo, 'WITHSCORES', 'LIMIT', source.offset, window)
  else
    entries = redis.call('ZRANGE', source.key, source.offset, source.offset + window - 1, 'WITHSCORES')
  end
  local names = {}
  for i = 1, #entries, 2 do names[#names + 1] = entries[i] end
  source.names, source.entries, source.position = names, entries, 1
  source.others = othersHave(names)
  source.offset = source.offset + #names
  source.isLast = #names < window
end

-- The first entry of a source that was not taken yet, if there is one.
local function head(source, window)
  while source.position > #source.names do
    if source.isLast then return end
    refill(source, window)
  end
  return tonumber(source.entries[source.position * 2]) or 0, source.names[source.position]
end

-- The first items of all sources in order, but for those that others have reserved. The first of them are reserved.
local function firstItems(sources, limit, mostReserved)
  local window = math.max(16, math.min(limit, 256))
  local members, rows, passed, contended, complete = {}, {}, 0, false, true
  for _, source in ipairs(sources) do
    source.position, source.names, source.offset, source.isLast = 1, {}, 0, false
  end
  while true do
    local best, bestScore, bestMember
    for _, source in ipairs(sources) do
      local score, member = head(source, window)
      if member and (not best or isBefore(score, member, bestScore, bestMember)) then
        best, bestScore, bestMember = source, score, member
      end
    end
    if not best then break end
    if #members == limit then complete = false break end
    local others = best.others[best.position]
    best.position = best.position + 1
    if others then
      contended = true
      passed = passed + 1
      if passed == MOST_PASSED then break end
    else
      local row = itemRow(bestMember)
      if row[1] and row[2] and string.match(row[2], '^............(%S+) ') == best.place then
        members[#members + 1] = bestMember
        rows[#rows + 1] = row
        if #members <= mostReserved then reserve(bestMember) end
      else
        best.stale = best.stale or {}
        best.stale[#best.stale + 1] = bestMember
      end
    end
  end
  for _, source in ipairs(sources) do
    for _, member in ipairs(source.stale or {}) do redis.pcall('ZREM', source.key, member) end
  end
  return itemRows(members, rows, contended, complete)
end

-- The lanes that have items, of those that are asked for: whichever list of the two is shorter is walked.
local function activeOf(lanes, stalled)
  local activeKey = P .. 'active:' .. stalled
  local active = {}
  if #lanes <= redis.call('SCARD', activeKey) then
    active = lanes
  else
    local asked = {}
    for _, lane in ipairs(lanes) do asked[lane] = true end
    for _, lane in ipairs(redis.call('SMEMBERS', activeKey)) do
      if asked[lane] then active[#active + 1] = lane end
    end
  end
  local sources = {}
  for _, lane in ipairs(active) do
    local key = P .. 'q' .. stalled .. ':' .. lane
    if redis.call('EXISTS', key) == 1 then
      sources[#sources + 1] = {key = key, place = stalled .. lane}
    else
      redis.pcall('SREM', activeKey, lane)
    end
  end
  return sources
end

local function readyItems()
  local stalled, limit, mostReserved, n = following(), tonumber(following()), tonumber(following()), tonumber(following())
  return firstItems(activeOf(many(n), stalled), limit, mostReserved)
end

local function dueItems()
  local limit = tonumber(following())
  local sources = {{key = P .. 'due', upTo = instant, place = 'd'}}
  for _, session in ipairs(redis.call('ZRANGEBYSCORE', P .. 'busy', '-inf', instant)) do
    sources[#sources + 1] = {key = P .. 'b:' .. session, upTo = instant, place = 'b'}
  end
  return firstItems(sources, limit, limit)
end

-- Names from an index that others have not reserved, up to a limit: {contended, complete, names}.
local function firstNames(key, from, upTo, limit, letter)
  local names, contended, offset = {}, false, 0
  while true do
    local found = redis.call('ZRANGEBYSCORE', key, from, upTo, 'LIMIT', offset, 256)
    local reserved = {}
    for i = 1, #found do reserved[i] = letter .. found[i] end
    local others = othersHave(reserved)
    for i = 1, #found do
      if #names == limit then return contended, false, names end
      if others[i] then
        contended = true
      else
        names[#names + 1] = found[i]
        reserve(reserved[i])
      end
    end
    if #found < 256 then return contended, true, names end
    offset = offset + 256
  end
end

local function listedRuns(contended, complete, runs)
  local reply = {contended and 1 or 0, complete and 1 or 0}
  for _, run in ipairs(runs) do
    reply[#reply + 1] = run
    reply[#reply + 1] = redis.call('HGET', P .. 'r:' .. run, 's')
  end
  return reply
end

local function itemsOfKey(key, prefix)
  local members, rows = {}, {}
  for _, name in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    local member = prefix .. name
    members[#members + 1] = member
    rows[#rows + 1] = itemRow(member)
  end
  return itemRows(members, rows, false, true)
end

local function memos()
  local run, item = following(), following()
  local names = redis.call('ZRANGEBYLEX', P .. 'm:' .. run, '[' .. item .. ' ', '(' .. item .. '!')
  local reply = {}
  for _, name in ipairs(names) do
    reply[#reply + 1] = name
    reply[#reply + 1] = redis.call('HGET', P .. 'r:' .. run, 'y' .. name)
  end
  return reply
end

local function oldCheckpoints()
  local before, limit, n = following(), following(), tonumber(following())
  local reply = {}
  for _, key in ipairs(many(n)) do
    local found = redis.call('ZRANGEBYSCORE', key, '-inf', '(' .. before, 'LIMIT', 0, limit)
    for _, id in ipairs(found) do
      reply[#reply + 1] = id
      reply[#reply + 1] = redis.call('HGET', P .. 'checkpoints', id)
    end
  end
  return reply
end

-- A part of a list of entries (see writing.lua). With skip (1), without those that others have reserved.
local function entries()
  local key, from, after, upTo, limit = following(), following(), following(), following(), tonumber(following())
  local skips = following() == '1'
  if upTo == 'now' then upTo = instant end
  local found = entriesIn(key, from, after, upTo, skips and limit + 256 or limit)
  local names = {}
  for i = 1, #found do names[i] = 'e ' .. found[i] end
  local others = skips and othersHave(names) or {}
  local reply = {0, #found < limit and 1 or 0}
  for i = 1, #found do
    if others[i] then
      reply[1] = 1
    elseif #reply == 2 + 2 * limit then
      reply[2] = 0
      break
    else
      reply[#reply + 1] = found[i]
      reply[#reply + 1] = redis.call('HGET', P .. 'entries', found[i])
      if skips then reserve(names[i]) end
    end
  end
  return reply
end

local answer = {
  R = runFields,
  H = function()
    local key, n = following(), tonumber(following())
    return redis.call('HMGET', key, unpack(many(n)))
  end,
  G = function() return redis.call('GET', following()) end,
  S = function()
    local session, isNew = following(), following() == '1'
    return {redis.call('HGET', P .. 'sessions', session), isNew and redis.call('HGET', P .. 'crews', session)}
  end,
  Q = readyItems,
  D = dueItems,
  T = function()
    return listedRuns(firstNames(P .. 'timeouts', '-inf', instant, tonumber(following()), 'r '))
  end,
  F = function()
    local before, limit = following(), tonumber(following())
    return listedRuns(firstNames(P .. 'finished', '-inf', '(' .. before, limit, 'r '))
  end,
  E = function()
    local _, _, sessions = firstNames(P .. 'leases', '-inf', instant, 10000, 's ')
    local reply = {}
    for _, session in ipairs(sessions) do
      reply[#reply + 1] = session
      reply[#reply + 1] = redis.call('HGET', P .. 'sessions', session)
      reply[#reply + 1] = redis.call('HGET', P .. 'crews', session)
    end
    return reply
  end,
  B = function() return itemsOfKey(P .. 'b:' .. following(), '') end,
  A = function()
    local run = following()
    return itemsOfKey(P .. 'a:' .. run, run .. ' ')
  end,
  M = memos,
  N = entries,
  O = oldCheckpoints,
}

-- Runs that somebody else has to himself are waited for before anything is reserved: those that are asked for come first.
local function isLocked()
  if not anyReserved then return false end
  local names, from = {}, at
  while ARGV[at] == 'R' do
    if ARGV[at + 2] ~= '0' then names[#names + 1] = 'R ' .. ARGV[at + 1] end
    at = at + 4 + tonumber(ARGV[at + 3])
  end
  at = from
  for _, others in pairs(othersHave(names)) do
    if others then return true end
  end
  return false
end

if isLocked() then return {'wait'} end
local replies = {'rows', instant, redis.call('HLEN', P .. 'lanes')}
while at <= #ARGV do
  replies[#replies + 1] = answer[following()]()
end
keepReservations()
return replies
