"""Sorting references: each one given is kept in a category or named in a sentence that says why not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quel.core.job import RequestedReference
from quel.core.paths import PATHS
from quel.core.prompting.references import sort_references
from quel.core.prompting.rules import Keep

TYPES = sorted({t for path in PATHS.values() for category in path.categories for t in category.types})


def asked(*given: tuple[int | None, str | None]) -> list[RequestedReference]:
    return [
        RequestedReference(attach_id, type_, f"individualImageAttachIds[{position}]")
        for position, (attach_id, type_) in enumerate(given)
    ]


def kept(path: str, *given: tuple[int | None, str | None]) -> list[tuple[int, str]]:
    return [(r.attach_id or 0, r.category) for r in sort_references(PATHS[path], asked(*given)).kept]


def left_out(path: str, *given: tuple[int | None, str | None]) -> tuple[str, ...]:
    return sort_references(PATHS[path], asked(*given)).left_out


def test_matching_ignores_case_and_blanks() -> None:
    assert kept("fashion", (1, " Model "), (2, "BG"), (3, "\tPants")) == [
        (1, "model"),
        (2, "background"),
        (3, "clothing"),
    ]


def test_of_what_a_path_takes_one_of_the_last_given_wins() -> None:
    assert kept("fashion", (1, "model"), (2, "top"), (3, "model")) == [(2, "clothing"), (3, "model")]
    assert left_out("fashion", (1, "model"), (3, "model")) == (
        'Reference 1 (type "model", individualImageAttachIds[0]) was left out: '
        "fashion takes only the last model given.",
    )


@pytest.mark.parametrize("path", ["fashion", "beauty", "eats", "cinema", "cartoon"])
def test_every_path_takes_the_last_background(path: str) -> None:
    assert kept(path, (1, "bg"), (2, "background")) == [(2, "background")]


@pytest.mark.parametrize(("path", "type_"), [("cinema", "actor"), ("cartoon", "character")])
def test_the_first_three_people_stay_and_the_others_are_named(path: str, type_: str) -> None:
    given = [(n, type_) for n in range(1, 6)]
    assert [attach_id for attach_id, _ in kept(path, *given)] == [1, 2, 3]
    assert left_out(path, *given) == tuple(
        f'Reference {n} (type "{type_}", individualImageAttachIds[{n - 1}]) was left out: '
        f"{path} takes at most 3 {type_}s, the first ones given."
        for n in (4, 5)
    )


def test_people_of_different_types_share_one_limit() -> None:
    given = [(1, "actor"), (2, "face"), (3, "model"), (4, "character")]
    assert kept("cinema", *given) == [(1, "actors"), (2, "actors"), (3, "actors")]


def test_lists_have_no_limit() -> None:
    assert len(kept("fashion", *[(n, "top") for n in range(40)])) == 40


def test_a_type_the_path_has_no_use_for_is_left_out_and_named() -> None:
    assert left_out("fashion", (600, "model"), (600, "top"), (601, "hat")) == (
        'Reference 601 (type "hat", individualImageAttachIds[2]) was left out: '
        "fashion has no use for that type.",
    )


def test_beauty_takes_every_other_type_for_a_product() -> None:
    assert kept("beauty", (1, "spaceship")) == [(1, "products")]


def test_a_type_that_is_only_blanks_counts_as_none_given() -> None:
    assert kept("fashion", (1, "  "), (2, ""), (3, None)) == [(n, "clothing") for n in (1, 2, 3)]


def test_the_type_named_none_is_not_a_missing_type() -> None:
    assert kept("fashion", (1, "none"), (2, None)) == [(1, "accessories"), (2, "clothing")]


def test_an_entry_without_readable_id_is_a_missing_reference_and_wins_nothing() -> None:
    given = [(1, "model"), (None, "model")]
    assert kept("fashion", *given) == [(1, "model")]
    assert left_out("fashion", *given) == (
        "A reference is missing: individualImageAttachIds[1] has no readable attachId.",
    )


def test_one_attachment_may_serve_in_two_categories() -> None:
    assert kept("fashion", (7, "model"), (7, "top")) == [(7, "model"), (7, "clothing")]


def test_a_type_of_great_length_does_not_drown_the_message() -> None:
    (sentence,) = left_out("eats", (1, "x" * 5000))
    assert len(sentence) < 200
    assert "x" * 39 + "…" in sentence


asks = st.lists(
    st.tuples(
        st.none() | st.integers(1, 9),
        st.none() | st.sampled_from([*TYPES, "hat", "", " "]),
    ),
    max_size=12,
)


@given(path=st.sampled_from(sorted(PATHS)), given=asks)
def test_nothing_disappears_and_no_limit_is_exceeded(
    path: str, given: list[tuple[int | None, str | None]]
) -> None:
    result = sort_references(PATHS[path], asked(*given))
    assert len(result.kept) + len(result.left_out) == len(given)
    for category in PATHS[path].categories:
        own = [r for r in result.kept if r.category == category.name]
        if category.at_most is not None:
            assert len(own) <= category.at_most
        if category.keep is Keep.LAST and own:
            last = [i for i, (n, t) in enumerate(given) if n and (t or "").strip() in category.types][-1]
            assert own[-1].where == f"individualImageAttachIds[{last}]"


@given(path=st.sampled_from(sorted(PATHS)), given=asks)
def test_what_is_kept_stays_in_the_order_given(path: str, given: list[tuple[int | None, str | None]]) -> None:
    wheres = [r.where for r in sort_references(PATHS[path], asked(*given)).kept]
    assert wheres == sorted(wheres, key=[a.where for a in asked(*given)].index)
