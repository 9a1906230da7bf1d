"""The node classes the simulator has, as /object_info tells them, and how a server checks a graph by them.

The files that loaders name are those of the shipped workflows; `missing` ones a test takes away.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Any

Graph = dict[str, dict[str, Any]]
_MODELS = ["qwen_image_edit_2509_fp8_e4m3fn.safetensors", "qwen_image_fp8_e4m3fn.safetensors"]
_PIXELS = {"default": 1024, "min": 16, "max": 16384, "step": 16}
_SEED = {"default": 0, "min": 0, "max": 2**64 - 1}


def _class(
    output: list[str], required: dict[str, Any], optional: dict[str, Any] | None = None
) -> dict[str, Any]:
    is_output = not output
    return {
        "input": {"required": required, "optional": optional or {}},
        "output": output,
        "output_node": is_output,
        "api_node": False,
    }


CLASSES: dict[str, dict[str, Any]] = {
    "UNETLoader": _class(["MODEL"], {"unet_name": [_MODELS, {}], "weight_dtype": [["default"], {}]}),
    "CLIPLoader": _class(
        ["CLIP"],
        {
            "clip_name": ["COMBO", {"options": ["qwen_2.5_vl_7b_fp8_scaled.safetensors"]}],
            "type": [["qwen_image"]],
        },
        {"device": [["default", "cpu"], {}]},
    ),
    "VAELoader": _class(["VAE"], {"vae_name": [["qwen_image_vae.safetensors"], {}]}),
    "ModelSamplingAuraFlow": _class(["MODEL"], {"model": ["MODEL"], "shift": ["FLOAT", {"min": 0.0}]}),
    "CLIPTextEncode": _class(["CONDITIONING"], {"clip": ["CLIP"], "text": ["STRING", {}]}),
    "TextEncodeQwenImageEditPlus": _class(
        ["CONDITIONING"],
        {"clip": ["CLIP"], "prompt": ["STRING", {}]},
        {"vae": ["VAE"], "image1": ["IMAGE"], "image2": ["IMAGE"], "image3": ["IMAGE"]},
    ),
    "EmptySD3LatentImage": _class(
        ["LATENT"], {"width": ["INT", _PIXELS], "height": ["INT", _PIXELS], "batch_size": ["INT", {"min": 1}]}
    ),
    "KSampler": _class(
        ["LATENT"],
        {
            "model": ["MODEL"],
            "positive": ["CONDITIONING"],
            "negative": ["CONDITIONING"],
            "latent_image": ["LATENT"],
            "seed": ["INT", _SEED],
            "steps": ["INT", {"min": 1, "max": 10000}],
            "cfg": ["FLOAT", {"min": 0.0, "max": 100.0}],
            "sampler_name": [["euler"], {}],
            "scheduler": [["simple"], {}],
            "denoise": ["FLOAT", {"min": 0.0, "max": 1.0}],
        },
    ),
    "VAEDecode": _class(["IMAGE"], {"samples": ["LATENT"], "vae": ["VAE"]}),
    "LoadImage": _class(["IMAGE", "MASK"], {"image": [[], {"image_upload": True}]}),
    "LoadImageMask": _class(
        ["MASK"], {"image": [[], {"image_upload": True}], "channel": [["alpha", "red", "green", "blue"], {}]}
    ),
    "ImageScale": _class(
        ["IMAGE"],
        {
            "image": ["IMAGE"],
            "upscale_method": [["nearest-exact", "bilinear", "area", "bicubic", "lanczos"], {}],
            "width": ["INT", {"min": 0, "max": 16384, "step": 1}],
            "height": ["INT", {"min": 0, "max": 16384, "step": 1}],
            "crop": [["disabled", "center"], {}],
        },
    ),
    "InvertMask": _class(["MASK"], {"mask": ["MASK"]}),
    "MaskToImage": _class(["IMAGE"], {"mask": ["MASK"]}),
    "ImageToMask": _class(["MASK"], {"image": ["IMAGE"], "channel": [["red", "green", "blue", "alpha"], {}]}),
    "VAEEncode": _class(["LATENT"], {"pixels": ["IMAGE"], "vae": ["VAE"]}),
    "SetLatentNoiseMask": _class(["LATENT"], {"samples": ["LATENT"], "mask": ["MASK"]}),
    "ImageCompositeMasked": _class(
        ["IMAGE"],
        {
            "destination": ["IMAGE"],
            "source": ["IMAGE"],
            "x": ["INT", {"min": 0, "max": 16384}],
            "y": ["INT", {"min": 0, "max": 16384}],
            "resize_source": ["BOOLEAN", {"default": False}],
        },
        {"mask": ["MASK"]},
    ),
    "SaveImage": _class([], {"images": ["IMAGE"], "filename_prefix": ["STRING", {}]}),
    "PreviewImage": _class([], {"images": ["IMAGE"]}),
}


def choices(spec: list[Any]) -> list[Any] | None:
    """What an input may be, in either spelling; None where it may be anything."""
    if isinstance(spec[0], list):
        return spec[0]
    options = spec[1].get("options") if len(spec) > 1 and isinstance(spec[1], dict) else None
    return options if spec[0] == "COMBO" else None


def is_link(value: Any) -> bool:
    """Whether a value is another node's output: a list of two."""
    return isinstance(value, list) and len(value) == 2


def ancestors(graph: Graph, node: str) -> Iterator[str]:
    """A node and everything it is made of. Raises KeyError for a link to nowhere."""
    seen, ahead = set(), [node]
    while ahead:
        one = ahead.pop()
        if one in seen:
            continue
        seen.add(one)
        yield one
        ahead += [str(value[0]) for value in graph[one]["inputs"].values() if is_link(value)]


def problems(
    graph: Graph, node: str, *, missing: Collection[str], has_file: Callable[[str], bool]
) -> list[dict[str, Any]]:
    """What is wrong with a node, in the words of a server."""
    body = graph[node]
    kind, inputs = body["class_type"], body["inputs"]
    found = []
    for name, spec in CLASSES[kind]["input"]["required"].items():
        if name not in inputs:
            found.append(_problem("required_input_missing", name, name))
            continue
        value = inputs[name]
        if is_link(value):
            if str(value[0]) not in graph:
                found.append(_problem("exception_during_inner_validation", name, f"KeyError '{value[0]}'"))
        elif len(spec) > 1 and spec[1].get("image_upload"):
            if not has_file(str(value)):
                details = f"image - Invalid image file: {value}"
                found.append(_problem("custom_validation_failed", name, details))
        elif (options := choices(spec)) is not None and (value not in options or value in missing):
            found.append(_problem("value_not_in_list", name, f"{name}: '{value}' not in {options}"))
        elif (kind_of := _out_of_bounds(spec, value)) is not None:
            found.append(_problem(kind_of, name, f"{name}: {value}"))
    return found


def _out_of_bounds(spec: list[Any], value: Any) -> str | None:
    limits = spec[1] if len(spec) > 1 else {}
    if not isinstance(value, int | float):
        return None
    if value < limits.get("min", value):
        return "value_smaller_than_min"
    return "value_bigger_than_max" if value > limits.get("max", value) else None


def _problem(kind: str, name: str, details: str) -> dict[str, Any]:
    return {"type": kind, "message": kind, "details": details, "extra_info": {"input_name": name}}
