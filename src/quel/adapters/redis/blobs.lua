-- Keeps or drops blobs of one pool and knows the sum of their sizes, also when some expire on their own.
--
-- KEYS[1] quel:blobs:{pool}:expiry   zset: blob key -> unix ms at which it is gone
-- KEYS[2] quel:blobs:{pool}:sizes    hash: blob key -> bytes
-- KEYS[3] quel:blobs:{pool}:bytes    integer: the sum of the hash
-- KEYS[4...] blob keys
-- ARGV[1] "put" (KEYS[4] only) or "drop"; ARGV[2] ttl_ms; ARGV[3] the blob's bytes
-- returns the sum in bytes

local time = redis.call("TIME")
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local function forget(key)
    local size = redis.call("HGET", KEYS[2], key)
    if size then
        redis.call("DECRBY", KEYS[3], size)
        redis.call("HDEL", KEYS[2], key)
        redis.call("ZREM", KEYS[1], key)
    end
end

for _, key in ipairs(redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", now_ms, "LIMIT", 0, 1000)) do
    forget(key)
end

for i = 4, #KEYS do
    forget(KEYS[i])
    if ARGV[1] == "put" then
        redis.call("SET", KEYS[i], ARGV[3], "PX", ARGV[2])
        redis.call("ZADD", KEYS[1], now_ms + ARGV[2], KEYS[i])
        redis.call("HSET", KEYS[2], KEYS[i], #ARGV[3])
        redis.call("INCRBY", KEYS[3], #ARGV[3])
    else
        redis.call("DEL", KEYS[i])
    end
end

if redis.call("ZCARD", KEYS[1]) == 0 then
    redis.call("DEL", KEYS[3])
    return 0
end
for i = 1, 3 do
    redis.call("PEXPIRE", KEYS[i], ARGV[2] * 2)
end
return tonumber(redis.call("GET", KEYS[3]))
