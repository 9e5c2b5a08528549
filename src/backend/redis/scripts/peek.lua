--[[
Purpose: what a claim would find, and when something will be due.
Inputs: KEYS[1], the beginning of all keys. ARGV: the instant, where the clock is not the server's, or nothing; the grace after
  a lease has ended, in ms; how many ready items are of interest, and how many that have stalled; whether to list them (1) or
  only to tell whether there are any (0); the lanes.
Outputs: {instant, number of lanes, 1 if something is due else 0, 1 if there are items else 0, the next due time or nothing,
  number of letters, ready items with their ranks, those that have stalled with theirs}.
Atomic by: a script is not interrupted, and it writes nothing.
]]

local time = redis.call('TIME')
local now = ARGV[1] == '' and tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) or tonumber(ARGV[1])
now = math.max(now, tonumber(redis.call('GET', P .. 'clock') or '0'))
local wanted = {['0'] = tonumber(ARGV[3]), ['1'] = tonumber(ARGV[4])}

local function firstOf(key)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return first[2]
end

local function hasItems()
  for at = 6, #ARGV do
    for stalled, count in pairs(wanted) do
      if count > 0 and redis.call('EXISTS', P .. 'q' .. stalled .. ':' .. ARGV[at]) == 1 then return true end
    end
  end
  return false
end

-- The first items of all lanes, in no order; those of each lane in theirs.
local function itemsOf(stalled)
  local items = {}
  if wanted[stalled] == 0 then return items end
  for at = 6, #ARGV do
    local lane = redis.call('ZRANGE', P .. 'q' .. stalled .. ':' .. ARGV[at], 0, wanted[stalled] - 1, 'WITHSCORES')
    for i = 1, #lane do items[#items + 1] = lane[i] end
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

local lists = ARGV[5] == '1'
return {
  string.format('%.17g', now),
  redis.call('HLEN', P .. 'lanes'),
  isAnythingDue() and 1 or 0,
  hasItems() and 1 or 0,
  due or '',
  redis.call('ZCARD', P .. 'e:outbox'),
  lists and itemsOf('0') or {},
  lists and itemsOf('1') or {},
}
