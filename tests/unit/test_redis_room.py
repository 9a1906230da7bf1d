"""What `maxmemory` is short of, in a sentence an operator can act on."""

from quel.core.operations.doctor import State, judge_redis_memory, judge_redis_room
from quel.core.redis_room import RESERVE_BYTES, memory_problem

MIB = 1024 * 1024


def test_a_server_without_a_limit_or_that_tells_none_has_no_problem() -> None:
    assert memory_problem(0, blob_budget_bytes=512 * MIB) is None
    assert memory_problem(None, blob_budget_bytes=512 * MIB) is None


def test_budget_and_reserve_must_fit() -> None:
    fits = 512 * MIB + RESERVE_BYTES
    assert memory_problem(fits, blob_budget_bytes=512 * MIB) is None
    problem = memory_problem(fits - 1, blob_budget_bytes=512 * MIB)
    assert problem is not None
    assert "576 MiB" in problem
    assert f"QUEL_BLOB_BUDGET_BYTES to {512 * MIB - 1}" in problem


def test_a_server_smaller_than_the_reserve_is_not_told_to_lower_the_budget_below_nothing() -> None:
    problem = memory_problem(RESERVE_BYTES // 2, blob_budget_bytes=512 * MIB)
    assert problem is not None
    assert "lower" not in problem


def test_a_server_of_messages_alone_needs_the_reserve_and_is_named() -> None:
    assert memory_problem(RESERVE_BYTES, blob_budget_bytes=0) is None
    problem = memory_problem(RESERVE_BYTES - 1, blob_budget_bytes=0, variable="QUEL_BROKER_REDIS_URL")
    assert problem is not None
    assert "QUEL_BROKER_REDIS_URL" in problem
    assert "pictures" not in problem


def test_the_doctor_says_how_much_is_left_and_minds_when_that_is_little() -> None:
    def judged(most: int | None, used: int) -> tuple[State, str]:
        finding = judge_redis_room("Redis", "REDIS_URL", most, used, 10 * MIB)
        return finding.state, finding.message

    assert judged(1_000 * MIB, 100 * MIB) == (State.OK, "900 MiB of maxmemory are left")
    assert judged(0, 100 * MIB)[0] is State.OK
    assert judged(None, 100 * MIB)[0] is State.NOTE
    assert judged(1_000 * MIB, 950 * MIB)[0] is State.TROUBLE
    assert judged(20 * MIB, MIB)[0] is State.TROUBLE


def test_each_kind_of_eviction_is_told_by_what_it_loses() -> None:
    said = {
        policy: next(iter(judge_redis_memory("Redis", policy, True)))
        for policy in ("noeviction", "volatile-lru", "allkeys-lfu")
    }
    assert said["noeviction"].state is State.OK
    assert said["volatile-lru"].state is said["allkeys-lfu"].state is State.TROUBLE
    assert "bought again" in said["volatile-lru"].message
    assert "messages" in said["allkeys-lfu"].message
