-- Makes anew what is lost of the counts, from what the rows know; once, however many ask for it.
--
-- KEYS and the first ARGV: see quota_clock.lua
-- ARGV: 9 token, 10 calls begun today, 11 JSON: ages in ms of the calls of the last window, the newest first;
--       12 JSON: owners of the calls under way

if not lost then
    return 0
end
local is_new = not known or slots_lost
if slots_lost then
    redis.call("DEL", KEYS[1])
    newest = 0
end
if newest == 0 then  -- else they are the counts of a release that knew no rows
    for _, age in ipairs(cjson.decode(ARGV[11])) do
        redis.call("RPUSH", KEYS[1], math.floor(now - age))
    end
    redis.call("PEXPIRE", KEYS[1], window * 2)
end
if concurrency > 0 then
    redis.call("ZREMRANGEBYSCORE", KEYS[3], "-inf", now)
    redis.call("ZREMRANGEBYSCORE", KEYS[3], now + horizon + lease + SLACK_MS, "+inf")
    for _, under_way in ipairs(cjson.decode(ARGV[12])) do
        redis.call("ZADD", KEYS[3], "NX", now + lease, under_way)
    end
    redis.call("PEXPIRE", KEYS[3], horizon + lease * 2)
end
if rpd > 0 then
    local used = tonumber(ARGV[10])
    if not day_lost then
        used = math.max(used, tonumber(redis.call("HGET", KEYS[2], "used") or "0"))
    end
    local day_end = day_end_of(now)
    redis.call("DEL", KEYS[2])
    redis.call("HSET", KEYS[2], "end", day_end, "used", used)
    redis.call("PEXPIREAT", KEYS[2], day_end + 60000)
end
if is_new then
    redis.call("SET", KEYS[5], now .. ":" .. ARGV[9], "PX", 2 * 24 * 3600 * 1000)
end
return 1
