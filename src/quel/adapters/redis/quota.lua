-- Reserves one provider call for its owner, on Redis time: when it may go, or how long to stay away.
--
-- KEYS[1] quel:quota:slots   list: unix ms of the calls let through, newest first
-- KEYS[2] quel:quota:day     hash: end (unix ms), used, full_until (unix ms, once somebody was refused)
-- KEYS[3] quel:quota:calls   zset: owner -> unix ms at which its call counts as dead
-- KEYS[4] quel:quota:gate    hash: until, reason, strikes, overloads, probing, probe, probe_until, cap
-- KEYS[5] quel:blobs:out:bytes
-- ARGV: 1 owner, 2 calls a minute, 3 window_ms, 4 calls a day, 5 end of day, 6 end of the next,
--       7 calls at once, 8 lease_ms, 9 horizon_ms, 10 bytes budget, 11 probe_ms (0 = no such limit)
-- returns {granted, wait_ms, reason, slot, attention}; attention: the gate wants to hear how the call went

local PACE_MS = 15  -- between two slots: hundreds of calls that begin at once would begin late

local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local owner, rpm, window = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local rpd, concurrency = tonumber(ARGV[4]), tonumber(ARGV[7])
local lease, horizon, budget = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])

local function later(wait_ms, reason)
    return {0, math.ceil(wait_ms), reason, "", 0}
end

if budget > 0 and tonumber(redis.call("GET", KEYS[5]) or "0") >= budget then
    return later(500, "blobs")
end

local fields = redis.call("HMGET", KEYS[4], "until", "reason", "probing", "probe_until", "cap")
local gate_until, probing = tonumber(fields[1] or "0"), fields[3] == "1"
local probe_until, cap = tonumber(fields[4] or "0"), tonumber(fields[5] or "0")
if gate_until > now then
    return later(gate_until - now, fields[2] or "provider")
end
if probing and probe_until > now then
    return later(math.min(probe_until - now, 1000), "probe")
end

if concurrency > 0 then
    redis.call("ZREMRANGEBYSCORE", KEYS[3], "-inf", now)
    if redis.call("ZCARD", KEYS[3]) >= concurrency then
        return later(250, "concurrency")
    end
end

local day_end = tonumber(ARGV[5])
if now >= day_end then
    day_end = tonumber(ARGV[6])
end
if rpd > 0 then
    local day = redis.call("HMGET", KEYS[2], "end", "used")
    if tonumber(day[1] or "0") ~= day_end then
        redis.call("HSET", KEYS[2], "end", day_end, "used", 0)
        redis.call("PEXPIREAT", KEYS[2], day_end + 60000)
    elseif tonumber(day[2] or "0") >= rpd then
        redis.call("HSET", KEYS[2], "full_until", day_end)
        return later(day_end - now, "day")
    end
end

local slot = now
local newest = tonumber(redis.call("LINDEX", KEYS[1], 0) or "0")
if newest > slot then
    slot = newest
end
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
    redis.call("HSET", KEYS[4], "probe", owner, "probe_until", slot + tonumber(ARGV[11]))
end
local attention = redis.call("EXISTS", KEYS[4])
return {1, slot - now, "", tostring(slot), attention}
