-- Accounts for blobs of one pool that are kept or dropped, and knows the sum of their sizes, also when some
-- expire on their own. Deleting comes first wherever it can: a full server takes a script's later writes
-- once it has deleted something.
--
-- KEYS[1] quel:blobs:{pool}:expiry   zset: blob key -> unix ms at which it is gone
-- KEYS[2] quel:blobs:{pool}:sizes    hash: blob key -> bytes
-- KEYS[3] quel:blobs:{pool}:bytes    integer: the sum of the hash
-- KEYS[4] quel:room:asked            zset: see room.lua
-- KEYS[5...] blob keys
-- ARGV[1] "kept" (KEYS[5] only) or "drop"; ARGV[2] ttl_ms; ARGV[3] the sender's entry in KEYS[4];
-- ARGV[4] the key that was sent to
-- returns the sum in bytes

if ARGV[1] == "drop" then
    for i = 5, #KEYS do
        redis.call("UNLINK", KEYS[i])
    end
else
    redis.call("ZREM", KEYS[4], ARGV[3])
    if redis.call("RENAMENX", ARGV[4], KEYS[5]) == 0 then  -- what is there stays: it may be being read
        redis.call("UNLINK", ARGV[4])
    end
end

local time = redis.call("TIME")
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local function forget(key)
    local size = redis.call("HGET", KEYS[2], key)
    if size then
        redis.call("HDEL", KEYS[2], key)
        redis.call("ZREM", KEYS[1], key)
        redis.call("DECRBY", KEYS[3], size)
    end
end

for _, key in ipairs(redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", now_ms, "LIMIT", 0, 1000)) do
    forget(key)
end
for i = 5, #KEYS do
    forget(KEYS[i])
end
if ARGV[1] == "kept" then
    local size = redis.call("STRLEN", KEYS[5])
    redis.call("PEXPIRE", KEYS[5], ARGV[2])
    redis.call("ZADD", KEYS[1], now_ms + ARGV[2], KEYS[5])
    redis.call("HSET", KEYS[2], KEYS[5], size)
    redis.call("INCRBY", KEYS[3], size)
end

if redis.call("ZCARD", KEYS[1]) == 0 then
    redis.call("DEL", KEYS[3])
    return 0
end
for i = 1, 3 do
    redis.call("PEXPIRE", KEYS[i], ARGV[2] * 2)
end
return tonumber(redis.call("GET", KEYS[3]))
