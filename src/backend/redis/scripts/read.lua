--[[
Purpose: reads for whoever looks, not for steps: several at one instant, and lists from where a page before ended.
Inputs: KEYS[1], the beginning of all keys. ARGV: n argument*n, once for each read. A read is a command of Redis that changes
  nothing, or `@after` key direction (up or down) count instant member: so many entries of an index of instants that come
  after that place, which need not be there any more; without a place, from the beginning.
Outputs: a reply for each.
Atomic by: a script is not interrupted, and it writes nothing.
]]

local function entriesAfter(key, isUp, count, instant, member)
  local range = isUp and 'ZRANGE' or 'ZREVRANGE'
  if not instant then return redis.call(range, key, 0, count - 1, 'WITHSCORES') end
  local score = redis.call('ZSCORE', key, member)
  if score and tonumber(score) == tonumber(instant) then
    local rank = redis.call(isUp and 'ZRANK' or 'ZREVRANK', key, member)
    return redis.call(range, key, rank + 1, rank + count, 'WITHSCORES')
  end
  -- It is gone: what lies at its instant is looked through for what would come after it.
  local ahead = isUp and redis.call('ZCOUNT', key, '-inf', '(' .. instant)
    or redis.call('ZCOUNT', key, '(' .. instant, '+inf')
  while true do
    local there = redis.call(range, key, ahead, ahead + 99, 'WITHSCORES')
    for i = 1, #there, 2 do
      local isBeyond = tonumber(there[i + 1]) ~= tonumber(instant)
      if not isBeyond and there[i] ~= member then
        isBeyond = comesBefore(there[i], member) ~= isUp
      end
      if isBeyond then
        local from = ahead + (i - 1) / 2
        return redis.call(range, key, from, from + count - 1, 'WITHSCORES')
      end
    end
    if #there < 200 then return {} end
    ahead = ahead + 100
  end
end

local replies = {}
local at = 1
while at <= #ARGV do
  local n = tonumber(ARGV[at])
  local read = {unpack(ARGV, at + 1, at + n)}
  at = at + n + 1
  if read[1] == '@after' then
    replies[#replies + 1] = entriesAfter(read[2], read[3] == 'up', tonumber(read[4]), read[5], read[6])
  else
    replies[#replies + 1] = redis.call(unpack(read))
  end
end
return replies
