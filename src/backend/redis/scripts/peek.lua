--[[
Purpose: what a claim would find, and when something will be due.
Inputs: KEYS[1], the beginning of all keys. ARGV: the instant, where the clock is not the server's, or nothing; the grace after
  a lease has ended, in ms; how many ready items are of interest, and how many that have stalled; for whom to list them,
  without those that others have reserved, or nothing only to tell whether there are any; the session that asks, or nothing;
  the lanes.
Outputs: {instant, number of lanes, 1 if something is due else 0, 1 if there are items else 0, the next due time or nothing,
  number of letters, number of items that the session has in progress, ready items, those that have stalled}: each item with
  its rank, and with the number of its run's status.
Atomic by: a script is not interrupted, and it writes nothing.
]]

local time = redis.call('TIME')
local real = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local now = ARGV[1] == '' and real or tonumber(ARGV[1])
now = math.max(now, tonumber(redis.call('GET', P .. 'clock') or '0'))
local wanted = {['0'] = tonumber(ARGV[3]), ['1'] = tonumber(ARGV[4])}

local function firstOf(key)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return first[2]
end

local function hasItems()
  for at = 7, #ARGV do
    for stalled, count in pairs(wanted) do
      if count > 0 and redis.call('EXISTS', P .. 'q' .. stalled .. ':' .. ARGV[at]) == 1 then return true end
    end
  end
  return false
end

local anyReserved = redis.call('HLEN', P .. 'reserved') > 0

local function othersHave(member)
  local reservation = anyReserved and redis.call('HGET', P .. 'reserved', member)
  if not reservation then return false end
  local owner, untilMs = string.match(reservation, '^(%S*) (%d+)$')
  return owner ~= ARGV[5] and untilMs and tonumber(untilMs) > real
end

-- The first items of all lanes, in no order; those of each lane in theirs.
local function itemsOf(stalled)
  local items = {}
  local count = wanted[stalled]
  for at = 7, count > 0 and #ARGV or 0 do
    local key, listed, offset = P .. 'q' .. stalled .. ':' .. ARGV[at], 0, 0
    repeat
      local lane = redis.call('ZRANGE', key, offset, offset + count - 1, 'WITHSCORES')
      for i = 1, #lane, 2 do
        if listed < count and not othersHave(lane[i]) then
          local run = redis.call('HGET', P .. 'r:' .. string.match(lane[i], '^(%S*) '), 's')
          listed = listed + 1
          items[#items + 1] = lane[i]
          items[#items + 1] = lane[i + 1]
          items[#items + 1] = run and string.match(run, '^............(%d+)') or ''
        end
      end
      offset = offset + count
    until listed == count or #lane < 2 * count or offset > 2000
  end
  return items
end

-- A session whose lease ended is due for as long as nobody has offered its items; within its grace that is nothing to do.
local function firstBusy()
  local first
  for _, session in ipairs(redis.call('ZRANGEBYSCORE', P .. 'busy', '-inf', now)) do
    local item = firstOf(P .. 'b:' .. session)
    if item and item ~= 'inf' and (not first or tonumber(item) < tonumber(first)) then first = item end
  end
  return first
end

local function isDue(at)
  return at and tonumber(at) <= now
end

local function isAnythingDue()
  if isDue(firstOf(P .. 'due')) or isDue(firstOf(P .. 'timeouts')) or isDue(firstOf(P .. 'e:due')) then return true end
  if isDue(firstBusy()) then return true end
  local lease = firstOf(P .. 'leases')
  return lease and tonumber(lease) + tonumber(ARGV[2]) <= now
end

local due
for _, name in ipairs({'due', 'busy', 'timeouts', 'e:due'}) do
  local at = firstOf(P .. name)
  if at and (not due or tonumber(at) < tonumber(due)) then due = at end
end

local lists = ARGV[5] ~= ''
return {
  string.format('%.17g', now),
  redis.call('HLEN', P .. 'lanes'),
  isAnythingDue() and 1 or 0,
  hasItems() and 1 or 0,
  due or '',
  redis.call('ZCARD', P .. 'e:outbox'),
  ARGV[6] == '' and 0 or redis.call('ZCARD', P .. 'b:' .. ARGV[6]),
  lists and itemsOf('0') or {},
  lists and itemsOf('1') or {},
}
