"""What ComfyUI's answers mean, and that nothing private leaves them."""

import json
from datetime import timedelta

import pytest

from quel.core.comfy.answers import (
    Accepted,
    InputLost,
    Stand,
    Standing,
    Unfit,
    Unknown,
    first_line,
    judge_failure,
    judge_submit,
    standing_of_history,
)
from quel.core.comfy.check import check, paid_classes
from quel.core.comfy.graph import read_graph
from quel.core.comfy.workflow import Workflow
from quel.core.operations.comfy_doctor import ServerFacts, judge_server, judge_workflow
from quel.core.outcome import Broken, Refused, Transient, Wait
from quel.sandbox.comfy.classes import CLASSES
from tests.unit.test_comfy_workflow import ROLES, SHIPPED

PROMPT = "a red mast of the good ship Hope"


def errors(kind, **extra):
    error = {
        "type": kind,
        "message": PROMPT,
        "details": f"/srv/{PROMPT}",
        "extra_info": {"input_name": "ckpt"},
    }
    node = {"errors": [error | extra], "dependent_outputs": ["9"], "class_type": "Loader"}
    return json.dumps(
        {"error": {"type": "prompt_outputs_failed_validation"}, "node_errors": {"4": node}}
    ).encode()


def refused(kind, **extra):
    return json.dumps({"error": {"type": kind, "extra_info": extra}, "node_errors": {}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"prompt_id": "x", "node_errors": {}}', Accepted),
        (
            200,
            b'{"prompt_id": "x", "node_errors": {"3": {"dependent_outputs": ["8"], "errors": []}}}',
            Accepted,
        ),
        (
            200,
            b'{"prompt_id": "x", "node_errors": {"9": {"errors": [], "class_type": "S"}}}',
            "workflow_invalid",
        ),
        (200, b"<html>", "not_comfyui"),
        (200, b"[]", "not_comfyui"),
        (400, refused("missing_node_type", class_type="Fancy"), Unfit),
        (400, errors("value_not_in_list"), Unfit),
        (400, errors("custom_validation_failed", details="image - Invalid image file: x"), InputLost),
        (400, errors("required_input_missing"), "workflow_invalid"),
        (400, refused("prompt_no_outputs"), "workflow_invalid"),
        (400, b"nonsense", "not_comfyui"),
        (401, b"", "key_refused"),
        (403, b"", "key_refused"),
        (404, b"", "not_comfyui"),
        (405, b"", "not_comfyui"),
        (302, b"", "not_comfyui"),
        (413, b"", "request_too_large"),
        (500, b"", "server_error"),
        *((status, b"", Unknown) for status in (408, 425, 502, 504, 520, 521, 524, 530)),
        (200, b'{"prompt_id": "of its own", "node_errors": {}}', Unfit),
        (
            200,
            b'{"prompt_id": "x", "node_errors": {"9": {"errors": 7, "dependent_outputs": 1}}}',
            "workflow_invalid",
        ),
        (200, b"[" * 100_000, "not_comfyui"),
        (429, b"", Wait),
        (503, b"", Wait),
    ],
)
def test_an_answer_to_a_submission(status, body, expected):
    told = judge_submit(status, body, "7", prompt_id="x", output="9")
    if isinstance(expected, str):
        assert getattr(told, "code", None) == expected
    else:
        assert isinstance(told, expected)
    assert PROMPT not in str(told)
    assert "/srv" not in str(told)
    if isinstance(told, Wait):
        assert told.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("odd", [7, "words", {"a": 1}, [[]], [7], [["execution_start", 3]], None])
def test_a_history_of_another_shape_is_no_picture_and_breaks_nothing(odd):
    entry = {"outputs": {"9": {"images": odd}, "8": odd}, "status": {"messages": odd, "status_str": odd}}
    found = standing_of_history(entry)
    assert (found.stand, found.seconds, any(found.files.values())) == (Stand.FAILED, 0.0, False)
    assert standing_of_history({"outputs": odd, "status": odd}).stand is Stand.FAILED


def failure(kind="ValueError", message="", attempts=0, event="execution_error"):
    detail = {
        "node_type": "KSampler",
        "exception_type": kind,
        "exception_message": message,
        "traceback": ["/home/x"],
        "current_inputs": {"text": [PROMPT]},
    }
    standing = Standing(Stand.FAILED, {}, event, detail)
    return judge_failure(standing, secrets=(PROMPT, ""), refusals=(), attempts=attempts)


def test_a_failed_node_is_told_by_class_error_and_one_masked_line():
    told = failure(message=f"cannot draw '{PROMPT}' from /home/studio/models/x.safetensors\nmore: {PROMPT}")
    assert isinstance(told, Broken)
    assert told.message == "\"KSampler\" failed: ValueError: cannot draw '…' from …"
    quoted = "the words red mast of the go at C:\\\\models\\\\x\\\\y"
    assert first_line(quoted, (PROMPT,)) == "the words… at …"
    assert len(first_line("x" * 5000, (PROMPT,))) <= 160
    assert first_line("", (PROMPT,)) == ""


def test_memory_that_runs_out_is_tried_twice_and_then_the_operators():
    kinds = [type(failure("torch.OutOfMemoryError", attempts=n)) for n in range(3)]
    assert kinds == [Transient, Transient, Refused]
    assert failure(event="execution_interrupted").code == "interrupted"


def test_a_history_entry_tells_pictures_by_node_and_seconds():
    entry = {
        "outputs": {"9": {"images": [{"filename": "a.png", "subfolder": "quel", "type": "output"}]}, "8": {}},
        "status": {
            "status_str": "success",
            "messages": [
                ["execution_start", {"timestamp": 1000}],
                ["execution_success", {"timestamp": 3500}],
            ],
        },
    }
    told = standing_of_history(entry)
    assert (told.stand, told.seconds, told.files["9"][0].filename) == (Stand.COMPLETED, 2.5, "a.png")
    strange: tuple[object, ...] = (None, [], "x", {})
    for nonsense in strange:
        assert standing_of_history(nonsense).stand in (Stand.ABSENT, Stand.FAILED)


def workflow(change=None, **options):
    nodes = json.loads((SHIPPED / "edit_pictures.json").read_bytes())
    if change:
        change(nodes)
    graph = read_graph("edit.json", json.dumps(nodes).encode(), roles=ROLES, slots={})
    return Workflow("edit", (graph,), ("gpu",), **options)


def test_a_workflow_is_held_against_the_classes_a_server_has():
    assert check(workflow(), CLASSES) == ()
    one_less = {name: told for name, told in CLASSES.items() if name != "KSampler"}
    assert any('no node "KSampler"' in problem for problem in check(workflow(), one_less))

    def other_file(nodes):
        nodes["3"]["inputs"]["vae_name"] = "mine.safetensors"

    assert any('lacks "mine.safetensors"' in problem for problem in check(workflow(other_file), CLASSES))
    assert any("would be" in problem for problem in check(workflow(size_step=1, megapixels=1.1), CLASSES))
    assert any("the most is" in problem for problem in check(workflow(megapixels=64, size_step=256), small()))

    def wrong_slot(nodes):
        nodes["8"]["_meta"]["title"] = "quel:seed=cfg"

    assert any("takes FLOAT, not INT" in problem for problem in check(workflow(wrong_slot), CLASSES))

    def wrong_output(nodes):
        nodes["10"]["_meta"]["title"] = ""
        nodes["9"]["_meta"]["title"] = "quel:output=vae"

    assert any("puts pictures out" in problem for problem in check(workflow(wrong_output), CLASSES))
    paying = CLASSES | {"VAEDecode": CLASSES["VAEDecode"] | {"api_node": True}}
    assert paid_classes(workflow(), paying) == ("VAEDecode",)


def test_inputs_that_stand_for_others_and_choices_of_several_are_no_fault():
    several = ["COMBO", {"options": ["left", "right"], "multiselect": True}]
    sampler = json.loads(json.dumps(CLASSES["KSampler"]))
    sampler["input"]["required"] |= {"images": ["COMFY_AUTOGROW_V3", {}], "sides": several}

    def sides(*chosen):
        def change(nodes):
            nodes["8"]["inputs"] |= {"images.image0": 1, "sides": {"__value__": list(chosen)}}

        return check(workflow(change), CLASSES | {"KSampler": sampler})

    assert sides("left", "right") == ()
    assert any('lacks "up"' in problem for problem in sides("left", "up"))


def small():
    latent = json.loads(json.dumps(CLASSES["EmptySD3LatentImage"]))
    latent["input"]["required"]["width"][1]["max"] = 2048
    return CLASSES | {"EmptySD3LatentImage": latent}


def test_the_doctor_names_a_server_that_is_old_hung_or_away():
    def states(**facts):
        return [finding.state.value for finding in judge_server(ServerFacts("gpu", **facts))]

    assert states(version="0.33.0") == ["ok"]
    assert states(version="0.5.1") == ["ok", "note"]
    assert states(version="0.3.40") == states(problem="It is away.") == ["trouble"]
    assert states(version="0.33.0", out="hung: it runs nothing") == ["trouble"]
    assert states(version="0.33.0", out="resting: it is busy") == ["ok", "note"]
    assert states(version="0.38.1", arguments=["--date-based-output"]) == ["ok", "note"]
    some = [finding.state.value for finding in judge_workflow("w", {"a": (), "b": ("No.",)}, ())]
    none = [finding.state.value for finding in judge_workflow("w", {"a": ("No.",)}, ("Paid",))]
    assert (some, none) == (["ok", "note"], ["trouble", "note"])
