--[[
Purpose: reserves items for a request that is about to claim them, so that others look further; a hint, nothing relies on it.
Inputs: KEYS[1], the beginning of all keys. ARGV: for whom; for how long, in ms; members of indexes.
Outputs: for each member 1 if it is reserved for that one now, 0 if somebody else has it.
Atomic by: a script is not interrupted.
]]

local time = redis.call('TIME')
local real = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local value = ARGV[1] .. ' ' .. string.format('%d', real + tonumber(ARGV[2]))
local reply = {}
for at = 3, #ARGV do
  local reservation = redis.call('HGET', P .. 'reserved', ARGV[at])
  local owner, untilMs = string.match(reservation or '', '^(%S*) (%d+)$')
  local isOthers = owner and owner ~= ARGV[1] and tonumber(untilMs) > real
  if not isOthers then redis.pcall('HSET', P .. 'reserved', ARGV[at], value) end
  reply[#reply + 1] = isOthers and 0 or 1
end
return reply
