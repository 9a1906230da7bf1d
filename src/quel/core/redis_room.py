"""How Redis' memory is shared out: pictures leave a reserve for messages and the front end's pushes."""

RESERVE_BYTES = 64 * 1024 * 1024
"""The reserve: some 100,000 messages. Of a small server it is an eighth (adapters/redis/free_room.lua)."""

WIDE = 8.0
"""Reserves that are free where nobody need be careful: never on a small server, of which they are all."""

BEFORE_INPUTS, FOR_INPUTS, FOR_ANSWERS, FOR_CALLS = 4.0, 3.0, 1.0, 0.5
"""How many reserves stay free: where the next job is prepared, after each of its pictures, after an answer,
where a call begins. An answer that finds no room goes to Storage at once, so a call need not wait for some.
"""


def memory_problem(
    max_memory_bytes: int | None, *, blob_budget_bytes: int, variable: str = "REDIS_URL"
) -> str | None:
    """What a server's `maxmemory` is short of, in a sentence; None where it will do, or tells none.

    `blob_budget_bytes` is what pictures may take of it, 0 at a server that holds messages alone; `variable`
    names the server.
    """
    needed = blob_budget_bytes + RESERVE_BYTES
    if not max_memory_bytes or max_memory_bytes >= needed:
        return None
    said = (
        f"maxmemory of the server of {variable} is {_mib(max_memory_bytes)} MiB, and {_mib(needed)} MiB may"
        f" be needed: {_mib(RESERVE_BYTES)} MiB for messages"
    )
    if not blob_budget_bytes:
        return f"{said}. Set maxmemory to {_mib(needed)} MiB or more."
    fitting = max_memory_bytes - RESERVE_BYTES
    lower = f", or lower QUEL_BLOB_BUDGET_BYTES to {fitting}" if fitting > 0 else ""
    return (
        f"{said} and {_mib(blob_budget_bytes)} MiB for pictures (QUEL_BLOB_BUDGET_BYTES). Set maxmemory to"
        f" {_mib(needed)} MiB or more{lower}; until then jobs wait for room where they need not."
    )


def _mib(number: int) -> int:
    return -(-number // (1024 * 1024))
