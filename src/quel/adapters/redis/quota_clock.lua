-- Stands before the scripts of the quota: Redis' own time, what of the counts can be trusted, and the days.
--
-- KEYS[1] quel:quota:slots   list: unix ms of the calls let through, newest first
-- KEYS[2] quel:quota:day     hash: end (unix ms), used, full_until (unix ms, once somebody was refused)
-- KEYS[3] quel:quota:calls   zset: owner -> unix ms at which its call counts as dead
-- KEYS[4] quel:quota:gate    hash, the circuit breaker: at, until, reason, strikes, overloads, probing, probe, probe_until, cap
-- KEYS[5] quel:quota:known   "{unix ms}:{token}": when the counts were last made anew, from the rows
-- KEYS[6] quel:blobs:out:bytes
-- ARGV: 1 owner, 2 calls a minute, 3 calls a day, 4 calls at once (0 = no such limit), 5 window_ms,
--       6 horizon_ms, 7 lease_ms, 8 ends of days around now, in order

local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local owner, rpm, rpd, concurrency = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local window, horizon, lease = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local SLACK_MS = 1000

local function day_end_of(ms)
    for day_end in string.gmatch(ARGV[8], "%d+") do
        if tonumber(day_end) > ms then
            return tonumber(day_end)
        end
    end
end

-- Until when the circuit breaker is open; where the clock has jumped back, its pause begins anew.
local function open_until()
    local fields = redis.call("HMGET", KEYS[4], "until", "at")
    local until_ms, at = tonumber(fields[1] or "0"), tonumber(fields[2] or "0")
    return at > now + SLACK_MS and now + until_ms - at or until_ms
end

local known = redis.call("GET", KEYS[5])
local newest = tonumber(redis.call("LINDEX", KEYS[1], 0) or "0")

-- A slot farther ahead than any is given: the clock has jumped back.
local slots_lost = newest > now + horizon + SLACK_MS
-- A call whose time is over: its worker is dead, or the clock has jumped ahead. The rows tell which.
local calls_lost = concurrency > 0 and redis.call("ZCARD", KEYS[3]) > redis.call("ZCOUNT", KEYS[3], now, now + horizon + lease + SLACK_MS)
local day_lost = rpd > 0 and tonumber(redis.call("HGET", KEYS[2], "end") or "0") ~= day_end_of(now)
local lost = (rpm > 0 or rpd > 0 or concurrency > 0) and (not known or slots_lost or calls_lost or day_lost)
