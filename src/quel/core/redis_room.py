"""How Redis' memory is shared out: pictures leave a reserve for messages and the front end's pushes."""

RESERVE_BYTES = 64 * 1024 * 1024
"""The reserve: some 100,000 messages. Of a small server it is an eighth (adapters/redis/free_room.lua)."""

BEFORE_INPUTS, FOR_INPUTS, FOR_ANSWERS, FOR_CALLS = 4.0, 3.0, 1.0, 0.5
"""How many reserves stay free: where the next job is prepared, after each of its pictures, after an answer,
where a call begins. An answer that finds no room goes to Storage at once, so a call need not wait for some.
"""
