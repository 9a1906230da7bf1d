-- Asks for room for bytes that are about to be sent: what others have asked for is taken already.
--
-- KEYS[1] quel:room:asked   zset: "{token}:{bytes}" -> unix ms at which the asker counts as dead
-- ARGV: 1 token ("" = only look), 2 bytes, 3 reserves that must stay free, 4 lifetime_ms
-- returns 1 where there is room, else 0

local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lifetime = tonumber(ARGV[4])

redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", now)
redis.call("ZREMRANGEBYSCORE", KEYS[1], now + lifetime + 1, "+inf")  -- from before the clock jumped back
local taken = tonumber(ARGV[2])
for _, asked in ipairs(redis.call("ZRANGE", KEYS[1], 0, -1)) do
    taken = taken + tonumber(string.match(asked, ":(%d+)$"))
end
if free_reserves(taken) < tonumber(ARGV[3]) then
    return 0
end
if ARGV[1] ~= "" then
    redis.call("ZADD", KEYS[1], now + lifetime, ARGV[1] .. ":" .. ARGV[2])
    redis.call("PEXPIRE", KEYS[1], lifetime * 2)
end
return 1
