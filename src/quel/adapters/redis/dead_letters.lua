-- Takes one dead letter away, and puts it back on its queue where asked, all at once.
--
-- KEYS[1] dramatiq:{queue}.XQ        zset: message id -> unix ms at which it died
-- KEYS[2] dramatiq:{queue}.XQ.msgs   hash: message id -> message
-- KEYS[3] dramatiq:{queue}           list: message ids
-- KEYS[4] dramatiq:{queue}.msgs      hash: message id -> message
-- ARGV[1] message id; ARGV[2] the message as it was read; ARGV[3] the message to put back, or "" for none
-- returns 1, or 0 when somebody was faster

if redis.call("HGET", KEYS[2], ARGV[1]) ~= ARGV[2] then
    return 0
end
redis.call("ZREM", KEYS[1], ARGV[1])
redis.call("HDEL", KEYS[2], ARGV[1])
if ARGV[3] ~= "" then
    redis.call("HSET", KEYS[4], ARGV[1], ARGV[3])
    redis.call("RPUSH", KEYS[3], ARGV[1])
end
return 1
