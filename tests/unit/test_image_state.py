"""Every transition of an image stands in one table, as the docs draw it, and no state is written beside."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from quel.adapters.postgres import image_state
from quel.adapters.postgres.image_state import OF_JOB, Transition, move
from quel.core.pipeline import ImageState

ROWS = Path(image_state.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
ARROW = re.compile(r"^ +(\w+) --> (\w+): (.+)$", re.MULTILINE)
TRANSITIONS = [value for value in vars(image_state).values() if isinstance(value, Transition)]
BY_HAND = re.compile(
    r"""(?isx)
    (?: UPDATE \s+ (?:ONLY\s+)? quel\.image \b (?: (?!\bSET\b) . )* | DO \s+ UPDATE \s+ ) \b SET \b
    (?: (?! \b(?:WHERE|FROM|RETURNING)\b ) . )*? \b state \s* =
    """
)

named = pytest.mark.parametrize("transition", TRANSITIONS, ids=lambda transition: transition.name)


def drawn() -> dict[str, set[tuple[str, str]]]:
    [picture] = re.findall(
        r"```mermaid\nstateDiagram-v2\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
    )
    arrows = defaultdict(set)
    for source, target, names in ARROW.findall(picture):
        for name in names.split(", "):
            arrows[name].add((source, target))
    return dict(arrows)


def test_the_picture_draws_every_transition_and_no_other() -> None:
    table = {
        each.name: {(source.value, each.target.value) for source in each.sources} for each in TRANSITIONS
    }
    assert drawn() == table


def test_no_two_transitions_share_a_name() -> None:
    names = [transition.name for transition in TRANSITIONS]
    assert sorted(names) == sorted(set(names))
    assert len(names) == 22


@named
def test_only_an_image_that_is_being_generated_or_stored_has_a_lease(transition: Transition) -> None:
    written = transition.assignments()
    leases = transition in (image_state.CLAIM, image_state.BEGIN_TO_STORE)
    assert (written["lease_owner"] != "NULL", written["lease_until"] != "NULL") == (leases, leases)


@named
def test_only_an_image_that_has_failed_has_a_reason(transition: Transition) -> None:
    written = transition.assignments()
    fails = transition.target is ImageState.FAILED
    assert (written.get("reason") != "NULL", written.get("reason_code") != "NULL") == (fails, fails)
    assert not fails or {"reason", "reason_code"} <= set(transition.sets)


@named
def test_whatever_moves_notes_when(transition: Transition) -> None:
    assert "updated_at" in transition.assignments()


@named
def test_a_condition_names_each_source_and_no_other_state(transition: Transition) -> None:
    condition = transition.applies("x")
    named_states = {state for state in ImageState if f"'{state}'" in condition}
    excluded = "NOT IN" in condition
    assert (set(ImageState) - named_states if excluded else named_states) == set(transition.sources)


def test_a_lease_guards_generating_alone() -> None:
    statement = str(move(image_state.PREPARE_AGAIN, OF_JOB))
    assert statement.endswith(
        "WHERE i.job_id = :job_id AND"
        " (i.state IN ('ready') OR i.state = 'generating' AND i.lease_owner = :lease)"
    )


def test_a_transition_that_writes_no_column_of_the_table_cannot_be_written_down() -> None:
    with pytest.raises(AttributeError, match="leese_owner"):
        Transition("x", frozenset({ImageState.READY}), ImageState.GENERATING, {"leese_owner": "NULL"})


def test_nobody_else_writes_a_state_by_hand() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in ROWS.rglob("*.py")}
    assert len(sources) > 40
    assert [path for path, text in sources.items() if BY_HAND.search(text)] == []
    assert [path for path, text in sources.items() if "update(PipelineImage" in text] == []


def test_a_state_written_by_hand_would_be_seen() -> None:
    assert BY_HAND.search("UPDATE quel.image SET attempts = 0, state = 'ready' WHERE job_id = :job_id")
    assert BY_HAND.search("UPDATE quel.image i\nSET state='ready'")
    assert BY_HAND.search("ON CONFLICT (job_id, image_no) DO UPDATE\nSET state = 'planned'")
    assert not BY_HAND.search("UPDATE quel.image i SET not_before = now() FROM x WHERE i.state = 'ready'")
