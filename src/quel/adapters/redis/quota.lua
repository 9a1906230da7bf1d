-- Reserves one provider call for its owner, on Redis time: when it may go, or how long to stay away.
--
-- KEYS and the first ARGV: see quota_clock.lua; free_reserves: see free_room.lua
-- ARGV: 9 bytes budget, 10 probe_ms, 11 reserves that must be free
-- returns {granted, wait_ms, reason, slot, attention, known}; attention: the circuit breaker wants to hear how
-- the call went; the reason "lost" means that the counts must be made anew from the rows, and slot is Redis' time then

local PACE_MS = 15  -- between two slots: hundreds of calls that begin at once would begin late

local budget, probe = tonumber(ARGV[9]), tonumber(ARGV[10])

local function later(wait_ms, reason)
    return {0, math.ceil(wait_ms), reason, tostring(now), 0, ""}
end

if budget > 0 and tonumber(redis.call("GET", KEYS[6]) or "0") >= budget then
    return later(500, "blobs")
end
if free_reserves(0) < tonumber(ARGV[11]) then
    return later(500, "memory")
end

local fields = redis.call("HMGET", KEYS[4], "reason", "probing", "probe_until", "cap", "until")
local probing, probe_until, cap = fields[2] == "1", tonumber(fields[3] or "0"), tonumber(fields[4] or "0")
local until_ms = open_until()
if until_ms ~= tonumber(fields[5] or "0") then  -- or it would begin anew each time
    redis.call("HSET", KEYS[4], "until", until_ms, "at", now)
end
if until_ms > now then
    return later(until_ms - now, fields[1] or "provider")
end
if probing and probe_until > now and probe_until <= now + horizon + probe + SLACK_MS then
    return later(math.min(probe_until - now, 1000), "probe")
end

if lost then
    return later(0, "lost")
end

if concurrency > 0 and redis.call("ZCARD", KEYS[3]) >= concurrency then
    return later(250, "concurrency")
end
local day_end = day_end_of(now)
if rpd > 0 and tonumber(redis.call("HGET", KEYS[2], "used") or "0") >= rpd then
    redis.call("HSET", KEYS[2], "full_until", day_end)
    return later(day_end - now, "day")
end

local slot = math.max(now, newest)
if rpm > 0 then
    local oldest = tonumber(redis.call("LINDEX", KEYS[1], rpm - 1) or "0")
    slot = math.max(slot, oldest + window, newest + math.min(PACE_MS, math.floor(window / rpm / 2)))
end
if cap > 0 then
    slot = math.max(slot, newest + math.floor(window / cap))
end
if slot - now > horizon then
    return later(slot - now, "minute")
end
if rpd > 0 and slot >= day_end then  -- it would count for the day that is about to begin
    return later(day_end - now, "minute")
end

redis.call("LPUSH", KEYS[1], slot)
redis.call("LTRIM", KEYS[1], 0, math.max(rpm, 1000) - 1)
redis.call("PEXPIRE", KEYS[1], window * 2)
if rpd > 0 then
    redis.call("HINCRBY", KEYS[2], "used", 1)
    redis.call("HDEL", KEYS[2], "full_until")
end
if concurrency > 0 then
    redis.call("ZADD", KEYS[3], slot + lease, owner)
    redis.call("PEXPIRE", KEYS[3], horizon + lease * 2)
end
if probing then
    redis.call("HSET", KEYS[4], "probe", owner, "probe_until", slot + probe)
end
if known then
    redis.call("PEXPIRE", KEYS[5], 2 * 24 * 3600 * 1000)
end
return {1, slot - now, "", tostring(slot), redis.call("EXISTS", KEYS[4]), known or ""}
