-- Prolongs the places of calls that are under way. One that is gone comes back only where the counts were
-- just lost: else its call has ended, and its place would stay taken.
--
-- KEYS and the first ARGV: see quota_clock.lua; ARGV: 9... owners

redis.call("PEXPIRE", KEYS[3], horizon + lease * 2)  -- first: a full server takes what comes after it
local made_at = known and tonumber(string.match(known, "^(%d+)")) or now
local is_fresh = now - made_at < lease
for i = 9, #ARGV do
    if is_fresh or redis.call("ZSCORE", KEYS[3], ARGV[i]) then
        redis.call("ZADD", KEYS[3], now + lease, ARGV[i])
    end
end
redis.call("PEXPIRE", KEYS[3], horizon + lease * 2)
return 1
