"""What becomes of a take: by its signs, the rules, and how often its image was made again already."""

from dataclasses import replace
from uuid import UUID

import pytest

from quel.core.takes import (
    CERTAIN,
    LEAST_PX,
    LIMITS,
    Check,
    GiveUpTake,
    Keep,
    Reason,
    Reroll,
    Retake,
    Signs,
    TakeRules,
    TurnedDown,
    correction,
    faults,
    judge,
    out_of_rerolls,
    retake,
)

FINE = dict.fromkeys(LIMITS, 0.0) | {Reason.SIZE: 1_000_000.0}
GOOD = Signs(FINE)
PROBABLE = sorted(set(Reason) - CERTAIN)
JOB = UUID(int=7)


def signs_of(reason, **others):
    score = LEAST_PX - 1.0 if reason is Reason.SIZE else 1.0
    return replace(GOOD, scores=FINE | {reason: score}, **others)


def test_a_take_with_nothing_wrong_is_kept():
    assert judge(GOOD, TakeRules(), rerolls=0) == Keep()


@pytest.mark.parametrize("reason", sorted(CERTAIN))
def test_what_is_worthless_is_made_again_and_at_last_fails_with_its_sentence(reason):
    verdicts = [judge(signs_of(reason), TakeRules(rerolls=2), rerolls=count) for count in (0, 1, 2)]
    assert verdicts[:2] == [Reroll(reason), Reroll(reason)]
    assert isinstance(verdicts[2], GiveUpTake)
    assert verdicts[2].code == f"take_{reason}"
    assert verdicts[2].message.endswith("It was not charged.")


@pytest.mark.parametrize("reason", PROBABLE)
def test_what_only_looks_wrong_is_kept_with_a_warning_unless_the_setting_says_otherwise(reason):
    assert judge(signs_of(reason), TakeRules(), rerolls=0) == Keep((reason,))
    strict = TakeRules(probable=Check.REROLL)
    assert judge(signs_of(reason), strict, rerolls=0) == Reroll(reason)
    assert isinstance(judge(signs_of(reason), strict, rerolls=2), GiveUpTake)
    kept = judge(signs_of(reason), replace(strict, keep_exhausted=True), rerolls=2)
    assert kept == Keep((reason,))


@pytest.mark.parametrize("reason", sorted(CERTAIN))
def test_nothing_makes_the_worthless_worth_its_price(reason):
    assert isinstance(out_of_rerolls(reason, TakeRules(keep_exhausted=True)), GiveUpTake)


@pytest.mark.parametrize("reason", list(Reason))
def test_warn_only_warns(reason):
    rules = TakeRules(certain=Check.WARN, probable=Check.WARN)
    assert judge(signs_of(reason), rules, rerolls=0) == Keep((reason,))


def test_a_worthless_take_is_told_as_such_whatever_else_it_looks_like():
    both = replace(GOOD, scores=FINE | {Reason.ECHO: 1.0, Reason.RATIO: 0.5})
    assert faults(both) == (Reason.RATIO, Reason.ECHO)
    assert judge(both, TakeRules(probable=Check.REROLL), rerolls=0) == Reroll(Reason.RATIO)


def test_where_a_near_copy_was_ordered_only_the_very_same_picture_is_an_echo():
    retouched, untouched = (signs_of(Reason.ECHO, difference=levels) for levels in (9.0, 2.0))
    assert faults(retouched, may_stay_near=True) == ()
    assert faults(untouched, may_stay_near=True) == faults(retouched) == (Reason.ECHO,)


def test_near_copies_of_one_reference_look_alike_and_are_told_to_change_it():
    double, echo = signs_of(Reason.DOUBLE), TurnedDown(Reason.ECHO, 1, "digest")
    assert (faults(double), faults(double, may_stay_near=True)) == ((Reason.DOUBLE,), ())
    again = retake(JOB, 0, Retake("A hat.", 11), 1, echo, may_stay_near=True).prompt
    assert again.startswith("Carry out the change that is asked for: image 1 came back as it was.")
    assert "another camera" not in again


@pytest.mark.parametrize(
    ("budget", "images", "most"),
    [(0.25, 1, 1), (0.25, 4, 1), (0.25, 5, 2), (0.25, 100, 25), (0.07, 100, 7), (0.0, 9, 0), (2.0, 3, 6)],
)
def test_a_jobs_rerolls_are_a_share_of_its_images_rounded_up(budget, images, most):
    assert TakeRules(budget=budget).rerolls_of_job(images) == most


def test_a_retake_has_another_seed_each_time_and_says_first_what_was_lacking():
    planned = Retake("A coat on a hanger.", 11)
    echo = TurnedDown(Reason.ECHO, 2, "digest")
    assert retake(JOB, 0, planned, 0, None) == planned
    first, second = (retake(JOB, 0, planned, count, echo) for count in (1, 2))
    assert len({planned.seed, first.seed, second.seed}) == 3
    assert retake(JOB, 0, planned, 1, echo) == first
    hint, rest = first.prompt.split("\n\n")
    assert rest == planned.prompt
    assert "image 2" in hint
    blank = retake(JOB, 0, planned, 1, TurnedDown(Reason.BLANK, None, "digest"))
    assert (blank.prompt, blank.seed) == (planned.prompt, first.seed)


@pytest.mark.parametrize("reason", PROBABLE)
def test_a_correction_says_what_to_do_in_one_sentence(reason):
    sentence = correction(TurnedDown(reason, 1, "digest")) or ""
    assert sentence.count(".") == 1
    assert not {"no", "not", "never", "without"} & set(sentence.lower().split())
