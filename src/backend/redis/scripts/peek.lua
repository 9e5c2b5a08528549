--[[
Purpose: whether a claim would find anything, and when something will be due.
Inputs: KEYS[1], the beginning of all keys. ARGV: the instant, where the clock is not the server's, or nothing; the grace after
  a lease has ended, in ms; whether ready items count, and whether those that have stalled do (1 or 0); the lanes.
Outputs: {instant, number of lanes, 1 if a claim may find something else 0, the next due time or nothing}.
Atomic by: a script is not interrupted, and it writes nothing.
]]

local time = redis.call('TIME')
local now = ARGV[1] == '' and tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) or tonumber(ARGV[1])
now = math.max(now, tonumber(redis.call('GET', P .. 'clock') or '0'))

local function firstOf(key)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return first[2]
end

local function hasReadyItems()
  for at = 5, #ARGV do
    if ARGV[3] == '1' and redis.call('EXISTS', P .. 'q0:' .. ARGV[at]) == 1 then return true end
    if ARGV[4] == '1' and redis.call('EXISTS', P .. 'q1:' .. ARGV[at]) == 1 then return true end
  end
  return false
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

local function isAnythingDue()
  for _, at in ipairs({firstOf(P .. 'due') or false, firstOf(P .. 'timeouts') or false, firstOf(P .. 'e:due') or false}) do
    if at and tonumber(at) <= now then return true end
  end
  local busy = firstBusy()
  if busy and tonumber(busy) <= now then return true end
  local lease = firstOf(P .. 'leases')
  return lease and tonumber(lease) + tonumber(ARGV[2]) <= now
end

local due
for _, name in ipairs({'due', 'busy', 'timeouts', 'e:due'}) do
  local at = firstOf(P .. name)
  if at and (not due or tonumber(at) < tonumber(due)) then due = at end
end

local ready = isAnythingDue() or hasReadyItems()
return {string.format('%.17g', now), redis.call('HLEN', P .. 'lanes'), ready and 1 or 0, due or ''}
