"""Shares of a process' threads."""

import pytest

from quel.actors.thread_shares import thread_shares
from quel.core.pipeline import Step


@pytest.mark.parametrize("step", list(Step))
@pytest.mark.parametrize("threads", [1, 8])
def test_a_process_for_one_step_gives_it_every_thread(step, threads):
    assert thread_shares([step], threads) == {step: threads}


@pytest.mark.parametrize("threads", [2, 3, 4, 8, 16, 64])
def test_calls_leave_a_thread_to_the_short_steps(threads):
    assert thread_shares(list(Step), threads)[Step.GENERATE_IMAGE] in {threads - 1, threads - threads // 8}


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 8, 16])
def test_every_step_has_a_share_and_what_comes_in_leaves_room_for_what_goes_out(threads):
    shares = thread_shares(list(Step), threads)
    assert min(shares.values()) >= 1
    assert shares[Step.FETCH_JOB] + shares[Step.PREPARE_INPUTS] <= max(2, threads - threads // 4)
    assert shares[Step.PERSIST_OUTPUT] == shares[Step.FINALIZE_JOB] == threads
