-- Hears how a call went and moves the circuit breaker: opens it, so that nobody calls, lowers the pace, or
-- closes it again. While it is half open one call probes.
--
-- KEYS and the first ARGV: see quota_clock.lua
-- ARGV: 9 word (late, give_back, answered, minute, day, unknown, overloaded), 10 slot,
--       11 pause_ms (0 = the provider did not say)
-- returns for how many ms no call may begin (0 = closed: calls may go); to "late" the slot's new time

local word, slot, pause = ARGV[9], tonumber(ARGV[10]), tonumber(ARGV[11])
local FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 2000, 60000
local MOST_OVERLOADS = 5      -- answers 503 in a row that open it
local FORGET_MS = 600000      -- what nobody reports to any more is forgotten

if word == "late" then
    local moved = slots_lost and now or math.max(now, newest)
    if redis.call("LREM", KEYS[1], 1, ARGV[10]) > 0 then
        redis.call("LPUSH", KEYS[1], moved)
        if rpd > 0 and not day_lost and day_end_of(slot) ~= day_end_of(moved) then  -- it was counted for yesterday
            redis.call("HINCRBY", KEYS[2], "used", 1)
        end
    end
    return moved
end

redis.call("ZREM", KEYS[3], owner)

if word == "give_back" then
    local was_counted = redis.call("LREM", KEYS[1], 1, ARGV[10]) > 0
    if was_counted and tonumber(redis.call("HGET", KEYS[2], "end") or "0") == day_end_of(slot) then
        redis.call("HINCRBY", KEYS[2], "used", -1)
    end
    if redis.call("HGET", KEYS[4], "probe") == owner then
        redis.call("HDEL", KEYS[4], "probe", "probe_until")
    end
    return 0
end

local function number(field)
    return tonumber(redis.call("HGET", KEYS[4], field) or "0")
end

if word == "answered" then
    if redis.call("EXISTS", KEYS[4]) == 0 then
        return 0
    end
    if open_until() > now then
        return open_until() - now    -- an answer to a call from before the pause proves nothing
    end
    local cap = number("cap")
    if cap > 0 and (rpm == 0 or cap < rpm) and cap < 6000 then
        redis.call("HSET", KEYS[4], "cap", math.ceil(cap * 1.05 + 0.5))
        redis.call("HDEL", KEYS[4], "at", "until", "reason", "probing", "probe", "probe_until", "strikes", "overloads")
        redis.call("PEXPIRE", KEYS[4], FORGET_MS)
    else
        redis.call("DEL", KEYS[4])
    end
    return 0
end

local until_ms = open_until()
local fresh = until_ms <= now      -- the first word of a new pause; calls already under way add none
if word == "overloaded" then
    local overloads = redis.call("HINCRBY", KEYS[4], "overloads", 1)
    redis.call("PEXPIRE", KEYS[4], FORGET_MS)
    if overloads < MOST_OVERLOADS or not fresh then
        return math.max(until_ms - now, 0)
    end
end
if word == "day" and pause == 0 then
    pause = day_end_of(now) - now
end
if pause == 0 then
    local failures = number("strikes")
    if fresh then
        failures = redis.call("HINCRBY", KEYS[4], "strikes", 1)
        if word == "unknown" or word == "minute" then
            local recent = 0
            for _, slot in ipairs(redis.call("LRANGE", KEYS[1], 0, 999)) do
                if tonumber(slot) > now - 60000 then
                    recent = recent + 1
                end
            end
            local cap = number("cap")
            local pace = cap > 0 and math.min(cap, recent) or recent
            redis.call("HSET", KEYS[4], "cap", math.max(1, math.floor(pace / 2)))
        end
    end
    pause = math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ^ math.max(0, failures - 1))
end
until_ms = math.max(until_ms, math.floor(now + pause))
redis.call("HSET", KEYS[4], "at", now, "until", until_ms, "reason", word, "probing", 1)
redis.call("HDEL", KEYS[4], "probe", "probe_until")
redis.call("PEXPIRE", KEYS[4], until_ms - now + FORGET_MS)
return until_ms - now
