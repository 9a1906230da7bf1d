"""Workflows as data: what is wrong in a file is named, and each image gets a graph of its own."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from quel.core.aspect import GRID_SIZES_PX, AspectRatio
from quel.core.comfy.graph import read_graph
from quel.core.comfy.workflow import Bound, Filling, Unfit, Workflow, bind, escaped
from quel.core.errors import SettingsError

SHIPPED = Path(__file__).parents[2] / "workflows"
ROLES = frozenset({"model", "products", "background"})
OPTIONAL = {("TextEncodeQwenImageEditPlus", f"image{number}") for number in (1, 2, 3)}


def is_optional(class_type, name):
    return (class_type, name) in OPTIONAL


def shipped(name, change=None, **options):
    nodes = json.loads((SHIPPED / name).read_bytes())
    if change is not None:
        change(nodes)
    graph = read_graph(name, json.dumps(nodes).encode(), roles=ROLES, slots={})
    return Workflow("w", (graph,), ("gpu-a",), **options)


def filling(*pictures, negative="", size_px=(1024, 1024)):
    return Filling("a (red) mast", negative, 7, size_px, pictures, "quel/job/id")


def test_unused_pictures_go_with_their_links_and_only_our_output_is_left():
    def preview(nodes):
        nodes["20"] = {"class_type": "PreviewImage", "inputs": {"images": ["9", 0]}}

    workflow = shipped("edit_pictures.json", preview)
    bound = bind(workflow, filling(("model", "a.png"), ("products", "b.png"), negative="hats"), is_optional)

    assert isinstance(bound, Bound)
    assert bound.pictures == {"11": "a.png", "12": "b.png"}
    assert "13" not in bound.graph
    assert "20" not in bound.graph
    encode = bound.graph["5"]["inputs"]
    assert (encode["image1"], encode["image2"], encode["prompt"]) == (["11", 0], ["12", 0], "a (red) mast")
    assert "image3" not in encode
    assert bound.graph["6"]["inputs"]["prompt"] == "hats"
    assert bound.graph["8"]["inputs"]["seed"] == 7
    assert bound.graph[bound.output]["inputs"]["filename_prefix"] == "quel/job/id"
    assert workflow.variants[0].nodes["11"]["inputs"]["image"] == "example.png", (
        "the file itself is not changed"
    )


def test_steps_and_scale_are_filled_in_where_there_are_slots_and_asked_for():
    def sampling(nodes):
        nodes["8"]["_meta"]["title"] += " quel:steps quel:cfg"

    def sampler(workflow, **asked):
        bound = bind(workflow, replace(filling(), **asked), is_optional)
        assert isinstance(bound, Bound)
        return bound.graph["8"]["inputs"]["steps"], bound.graph["8"]["inputs"]["cfg"]

    own = sampler(shipped("text_to_image.json"), steps=9, cfg=-1.0)
    slots = shipped("text_to_image.json", sampling)
    assert sampler(slots, steps=9, cfg=-1.0) == (9, -1.0)
    assert sampler(slots) == own != (9, -1.0)


def test_roles_come_before_places_and_a_picture_without_a_place_does_not_fit():
    def by_role(nodes):
        nodes["13"]["_meta"]["title"] = "quel:picture:model"

    workflow = shipped("edit_pictures.json", by_role)
    bound = bind(workflow, filling(("products", "p"), ("model", "m"), ("background", "b")), is_optional)
    assert isinstance(bound, Bound)
    assert bound.pictures == {"13": "m", "11": "p", "12": "b"}

    unfit = bind(workflow, filling(*[("products", "p")] * 3), is_optional)
    assert isinstance(unfit, Unfit)
    assert '"products"' in unfit.reason


def test_a_mask_has_a_place_of_its_own_and_pictures_keep_theirs():
    workflow = shipped("modify_picture.json")
    assert (workflow.takes_mask, workflow.max_pictures) == (True, 3)

    bound = bind(workflow, filling(("original", "o"), ("layer", "r"), ("mask", "m")), is_optional)
    assert isinstance(bound, Bound)
    assert bound.pictures == {"11": "o", "12": "r", "16": "m"}
    assert "image3" not in bound.graph["5"]["inputs"]
    assert {bound.graph[node]["inputs"]["width"] for node in ("14", "19")} == {1024}

    without = bind(workflow, filling(("original", "o")), is_optional)
    assert isinstance(without, Unfit)
    edit = shipped("edit_pictures.json")
    assert not edit.takes_mask
    nowhere = bind(edit, filling(("original", "o"), ("mask", "m")), is_optional)
    assert isinstance(nowhere, Unfit)
    assert 'no node is titled "quel:mask"' in nowhere.reason


def test_the_first_variant_that_runs_without_what_is_missing_is_taken():
    edit, text = shipped("edit_pictures.json"), shipped("text_to_image.json")
    both = Workflow("w", edit.variants + text.variants, ("gpu-a",))
    needs_all = bind(both, filling(), lambda *_: False)
    assert isinstance(needs_all, Bound)
    assert needs_all.graph["5"]["class_type"] == "CLIPTextEncode"
    assert needs_all.graph["5"]["inputs"]["text"] == "a \\(red\\) mast"
    assert isinstance(bind(edit, filling(), lambda *_: False), Unfit)


def test_sizes_follow_ratio_megapixels_and_step():
    plain = shipped("text_to_image.json")
    assert all(plain.size_px(ratio) == size for ratio, size in GRID_SIZES_PX.items())
    double = shipped("text_to_image.json", megapixels=2.0, size_step=64)
    for ratio in GRID_SIZES_PX:
        width, height = double.size_px(ratio)
        assert width % 64 == height % 64 == 0
        assert abs(width / height / (ratio.width / ratio.height) - 1) < 0.06
        assert 1.8e6 < width * height < 2.4e6
    assert plain.size_px(AspectRatio(16, 9)) == (1344, 768)


def test_a_clip_encoder_is_told_words_and_no_weights_or_files():
    assert escaped("(bold:1.3) embedding:evil Embedding:x") == ("\\(bold:1.3\\) embedding :evil Embedding :x")


def _nodes(change):
    def broken():
        nodes = json.loads((SHIPPED / "edit_pictures.json").read_bytes())
        changed = change(nodes)
        return json.dumps(nodes if changed is None else changed).encode()

    return broken


def _titles(titles):
    def rename(nodes):
        for node, title in titles.items():
            nodes[node]["_meta"]["title"] = title

    return _nodes(rename)


def _title(node, title):
    return _titles({node: title})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: b"{", "no JSON"),
        (lambda: b"[]", "API format"),
        (_nodes(lambda _: {"nodes": [], "links": []}), "Export (API)"),
        (_nodes(lambda nodes: nodes["5"].pop("class_type") and None), "node 5 has no class_type"),
        (_nodes(lambda nodes: nodes["9"]["inputs"].update(vae=["99", 0])), 'input "vae" of node 9'),
        (_nodes(lambda nodes: nodes["4"]["inputs"].update(model=["8", 0])), "circle"),
        (_title("10", "Save"), 'no node is titled "quel:output"'),
        (_title("5", "x"), '"quel:prompt"'),
        (_title("11", "quel:picture:hat"), 'node 11 (LoadImage) takes a picture of the role "hat"'),
        (_titles({"12": "quel:mask", "13": "quel:mask"}), 'two nodes are titled "quel:mask"'),
        (_title("11", "quel:pictures"), 'node 11 (LoadImage) names the slot "quel:pictures"'),
        (_title("8", "quel:seed=noise"), "node 8 (KSampler) has no input noise"),
        (_title("12", "quel:picture:1"), "two nodes"),
        (_title("9", "quel:output=samples"), "more than one node"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_file_and_node(content, words):
    with pytest.raises(SettingsError, match="my.json.*" + re.escape(words)):
        read_graph("my.json", content(), roles=ROLES, slots={})
