--[[
Purpose: a value that is changed only by whoever knows what it is: which run an idempotency key stands for, and what was
  planned for a request.
Inputs: KEYS[1], the beginning of all keys. ARGV: `value` or `field`; the key; the field, or nothing; the value that must be
  there, or nothing; the value that is to be there, or nothing for none.
Outputs: {1 if it was changed else 0, the value that is there now, or nothing}.
Atomic by: a script is not interrupted, and it writes once.
]]

local kind, key, field, expected, value = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local current
if kind == 'value' then current = redis.call('GET', key) else current = redis.call('HGET', key, field) end
if (current or '') ~= expected then return {0, current or ''} end

if kind == 'value' then
  if value == '' then redis.call('DEL', key) else redis.call('SET', key, value) end
else
  if value == '' then redis.call('HDEL', key, field) else redis.call('HSET', key, field, value) end
end
return {1, value}
