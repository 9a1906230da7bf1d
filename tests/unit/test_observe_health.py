import json
import threading

from quel.core.errors import ServiceUnavailable
from quel.observe.health import HEARTBEAT_AFTER_S, SILENT_AFTER_S, Consumers, alive, as_lines, ready


def test_consumers_that_moved_lately_move() -> None:
    consumers = Consumers()
    consumers.move(now_s=0, moved_at_s=0, redis_answers=True)
    assert consumers.move(now_s=1000, moved_at_s=999, redis_answers=True)


def test_consumers_that_stand_still_while_redis_answers_do_not() -> None:
    consumers = Consumers()
    assert consumers.move(now_s=0, moved_at_s=0, redis_answers=True)
    assert consumers.move(now_s=SILENT_AFTER_S - 1, moved_at_s=0, redis_answers=True)
    assert not consumers.move(now_s=SILENT_AFTER_S, moved_at_s=0, redis_answers=True)


def test_an_outage_of_redis_of_any_length_is_no_standstill() -> None:
    consumers = Consumers()
    consumers.move(now_s=0, moved_at_s=0, redis_answers=True)
    for now_s in range(0, 10 * int(SILENT_AFTER_S), 5):
        assert consumers.move(now_s=now_s, moved_at_s=0, redis_answers=False)


def test_after_an_outage_consumers_have_time_to_come_back() -> None:
    consumers = Consumers()
    consumers.move(now_s=900, moved_at_s=0, redis_answers=False)
    assert consumers.move(now_s=905, moved_at_s=0, redis_answers=True)
    assert consumers.move(now_s=905 + SILENT_AFTER_S - 1, moved_at_s=0, redis_answers=True)
    assert not consumers.move(now_s=905 + SILENT_AFTER_S, moved_at_s=0, redis_answers=True)


def test_a_command_lives_when_all_its_processes_and_threads_do() -> None:
    checks = alive(now_s=100, heartbeats_s={"1": 99, "2": 98}, wanted=16, living=16)
    assert [check.check for check in checks] == ["process 1", "process 2", "worker threads"]
    assert all(check.ok for check in checks)


def test_one_process_that_stands_still_is_named() -> None:
    checks = alive(now_s=1000, heartbeats_s={"1": 999, "2": 1000 - HEARTBEAT_AFTER_S}, wanted=16, living=16)
    assert [check.check for check in checks if not check.ok] == ["process 2"]


def test_a_dead_worker_thread_is_told() -> None:
    checks = alive(now_s=100, heartbeats_s={"1": 99}, wanted=8, living=7)
    assert [check.problem for check in checks if not check.ok] == ["1 of 8 worker threads have died."]


def test_every_neighbour_is_asked_and_gets_a_line_of_its_own() -> None:
    def down() -> None:
        raise ServiceUnavailable("Redis cannot answer now (ConnectionError).")

    lines = as_lines(ready({"postgresql": lambda: None, "redis": down})).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"check": "postgresql", "ok": True, "problem": ""},
        {"check": "redis", "ok": False, "problem": "Redis cannot answer now (ConnectionError)."},
    ]


def test_a_neighbour_that_does_not_answer_in_time_is_not_waited_for() -> None:
    answered = threading.Event()
    [check] = ready({"postgresql": lambda: answered.wait(30)})
    assert (check.ok, check.problem) == (False, "It did not answer within 3 s.")
    answered.set()
