import json

from quel.sandbox.faults import Fault, FaultPlan, Rule, cut_during_answer, gateway_page, slow
from quel.sandbox.gemini import faults as gemini_faults
from quel.sandbox.http_server import Delivery, Reply
from quel.sandbox.storage import faults as storage_faults


def plan_of(*rules):
    plan = FaultPlan()
    for rule in rules:
        plan.add(rule)
    return plan


def test_faults_for_the_next_calls_queue_up_and_run_out():
    plan = plan_of(Rule(slow(1), times=2), Rule(cut_during_answer(), times=1))
    struck = [plan.next_fault("", "read") for _ in range(4)]
    assert [fault and fault.name for fault in struck] == ["slow", "slow", "cut_during_answer", None]


def test_a_fault_may_ask_for_a_text_and_an_operation():
    plan = plan_of(Rule(slow(1), containing="blockme", operation="upload"))
    assert plan.next_fault("please blockme", "upload") == slow(1)
    assert plan.next_fault("please", "upload") is None
    assert plan.next_fault("blockme", "read") is None


def test_chance_is_the_same_for_the_same_seed():
    def struck(seed):
        plan = plan_of(Rule(slow(1), probability=0.3, seed=seed))
        return [plan.next_fault("", "read") is not None for _ in range(200)]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)
    assert 30 < sum(struck(1)) < 90


def test_a_cleared_plan_does_nothing():
    plan = plan_of(Rule(slow(1)))
    plan.clear()
    assert plan.next_fault("", "read") is None


def test_a_fault_survives_the_way_over_the_control_plane():
    for fault in (
        gemini_faults.quota_minute(),
        gemini_faults.jpeg_picture(),
        storage_faults.redirect("http://127.0.0.1:9/elsewhere"),
        cut_during_answer().after(2),
    ):
        assert Fault.from_json(json.loads(json.dumps(fault.to_json()))) == fault


def test_a_fault_changes_only_what_it_names():
    true_answer = Reply(body=b"picture", content_type="image/png", delay_s=0.5)
    late = slow(2).bend(true_answer)
    assert (late.body, late.content_type, late.status, late.delay_s) == (b"picture", "image/png", 200, 2.5)
    page = gateway_page(502).bend(true_answer)
    assert (page.status, page.content_type, page.delivery) == (502, "text/html", Delivery.WHOLE)
