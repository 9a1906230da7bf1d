-- Stands before a script that minds how much room the server has left under its maxmemory.

local RESERVE = 64 * 1024 * 1024  -- for messages, acknowledgements and the front end's pushes (core/redis_room.py)
local SHARE = 8                   -- but of a small server no more than an eighth

-- How many reserves are free, less `taken` bytes; a great many where the server has no limit or tells none.
local function free_reserves(taken)
    local info = redis.pcall("INFO", "memory")
    local most = type(info) == "string" and tonumber(string.match(info, "maxmemory:(%d+)")) or 0
    if most == 0 then
        return math.huge
    end
    local used = tonumber(string.match(info, "used_memory:(%d+)"))
    return (most - used - taken) / math.min(RESERVE, most / SHARE)
end
