"""The doctor's verdicts."""

import pytest

from quel.core.operations import doctor
from quel.core.operations.doctor import State
from quel.core.operator_fault import OperatorFault


@pytest.mark.parametrize(
    ("version", "state"),
    [("18.6", State.OK), ("15.0 (Debian 15.0-1)", State.OK), ("14.9", State.TROUBLE), ("17beta1", State.OK)],
)
def test_postgresql_is_15_or_later(version, state):
    assert doctor.judge_postgres(version).state is state


@pytest.mark.parametrize(
    ("version", "state"),
    [
        ("6.2.0", State.OK),
        ("7.2.4", State.OK),
        ("10.0", State.OK),
        ("6.0.16", State.TROUBLE),
        ("0", State.TROUBLE),
    ],
)
def test_redis_is_6_2_or_later(version, state):
    assert doctor.judge_redis_version("Redis", f"Redis {version}", version).state is state


def test_a_schema_behind_its_head_says_what_to_run():
    assert doctor.judge_migrations("0002", "0002").state is State.OK
    for at in ("0001", None):
        finding = doctor.judge_migrations(at, "0002")
        assert finding.state is State.TROUBLE
        assert "alembic upgrade head" in finding.message


@pytest.mark.parametrize(
    ("policy", "appendonly", "states"),
    [
        ("noeviction", True, [State.OK, State.OK]),
        ("noeviction", False, [State.OK, State.NOTE]),
        ("allkeys-lru", True, [State.TROUBLE, State.OK]),
        (None, None, [State.NOTE, State.NOTE]),
    ],
)
def test_eviction_is_trouble_and_a_missing_aof_a_note(policy, appendonly, states):
    assert [finding.state for finding in doctor.judge_redis_memory("Redis", policy, appendonly)] == states


def test_the_gate_tells_how_long_it_is_closed_and_why():
    closed = doctor.judge_quota({"reason": "day"}, 90.0)
    assert (closed.state, "90 s" in closed.message, "day" in closed.message) == (State.NOTE, True, True)
    assert doctor.judge_quota({"cap": "12"}, 0.0).state is State.NOTE
    assert doctor.judge_quota({}, 0.0).state is State.OK


@pytest.mark.parametrize("fault", OperatorFault)
@pytest.mark.parametrize("blocked_for_s", [0.0, 34.0])  # while a probe is under way, too
def test_what_an_operator_must_mend_is_trouble_with_its_cause(fault, blocked_for_s):
    finding = doctor.judge_quota({"reason": fault.value, "until": "1"}, blocked_for_s)
    assert finding.state is State.TROUBLE
    assert finding.message.startswith(fault.sentence)


def test_every_pause_is_a_note_with_its_reason():
    findings = list(doctor.judge_pauses({"*": {"since": "today", "why": "moving"}, "eats": {}}))
    assert [finding.state for finding in findings] == [State.NOTE, State.NOTE]
    assert "everything is paused since today: moving" in findings[0].message
    assert [finding.state for finding in doctor.judge_pauses({})] == [State.OK]


@pytest.mark.parametrize(
    ("silent_s", "state"), [(59.0, State.OK), (181.0, State.TROUBLE), (None, State.NOTE)]
)
def test_a_sweep_may_be_silent_for_three_minutes(silent_s, state):
    assert doctor.judge_sweep(silent_s).state is state
