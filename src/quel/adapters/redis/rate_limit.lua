-- One request out of a bucket that refills steadily. KEYS[1] the bucket; ARGV: size, tokens a millisecond.
-- Answers {whether it may go on, whole tokens left, milliseconds until there is one}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local size, pace = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local at = tonumber(kept[2]) or now
local tokens = math.min(size, (tonumber(kept[1]) or size) + math.max(0, now - at) * pace)
local granted = tokens >= 1
if granted then tokens = tokens - 1 end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', math.max(now, at)))
redis.call('PEXPIRE', KEYS[1], math.ceil(size / pace) + 1000)
return {granted and 1 or 0, math.floor(tokens), math.ceil(math.max(0, 1 - tokens) / pace)}
