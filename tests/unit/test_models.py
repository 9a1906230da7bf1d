"""What the model table says about known ids, and what it assumes of others."""

import pytest

from quel.core.aspect import GRID_SIZES_PX, AspectRatio
from quel.core.models import DEFAULT_MODEL_ID, MODELS, SIZES, ModelStatus, model_for


@pytest.mark.parametrize(
    ("model_id", "pictures", "prices_usd", "tokens", "ratios", "status"),
    [
        ("gemini-nano-banana-2.1", 14, [0.0336, 0.0504, 0.0756], [1120, 1680, 2520], 14, ModelStatus.CURRENT),
        ("gemini-3-pro-image", 14, [0.134, 0.134, 0.24], [1120, 1120, 2000], 10, ModelStatus.CURRENT),
        ("gemini-3.1-flash-image", 14, [0.067, 0.101, 0.151], [1120, 1680, 2520], 14, ModelStatus.DEPRECATED),
        ("gemini-2.5-flash-image", 3, [0.039], [1290], 10, ModelStatus.ENDED),
    ],
)
def test_a_known_model_has_its_own_row(model_id, pictures, prices_usd, tokens, ratios, status):
    model = model_for(model_id)
    assert model.id == model_id
    assert (model.max_pictures, model.price_usd) == (pictures, prices_usd[0])
    assert [(size.name, size.price_usd, size.tokens) for size in model.sizes] == list(
        zip(SIZES, prices_usd, tokens, strict=False)
    )
    assert (len(model.aspect_ratios), model.status, model.engine) == (ratios, status, "gemini")


@pytest.mark.parametrize(
    ("model_id", "made"),
    [
        ("gemini-nano-banana-2.1", ["1K", "2K", "4K"]),
        ("gemini-3-pro-image", ["2K", "2K", "4K"]),  # 2K costs there what 1K does
        ("gemini-2.5-flash-image", ["1K", "1K", "1K"]),
        ("something-new", ["1K", "1K", "1K"]),
    ],
)
def test_an_image_is_made_at_the_size_asked_for_or_a_larger_one_at_the_same_price(model_id, made):
    assert [model_for(model_id).size_for(asked).name for asked in SIZES] == made


def test_a_larger_size_weighs_as_much_more_in_credits_as_it_costs():
    for model in MODELS:
        for size in model.sizes:
            assert size.credits_weight == pytest.approx(size.price_usd / model.price_usd, rel=0.01)


def test_a_size_is_the_sides_at_1k_times_its_number():
    model = model_for(DEFAULT_MODEL_ID)
    sides = [model.size_px(AspectRatio(16, 9), size) for size in model.sizes]
    assert sides == [(1376, 768), (2752, 1536), (5504, 3072)]


def test_only_the_second_generation_is_sent_a_temperature():
    assert {model.id: model.temperature for model in MODELS if model.temperature is not None} == {
        "gemini-2.5-flash-image": 0.45
    }


def test_every_model_accepts_every_ratio_a_job_can_ask_for():
    for model in [*MODELS, model_for("something-new")]:
        assert set(GRID_SIZES_PX) <= set(model.aspect_ratios)


def test_every_output_has_the_shape_of_its_ratio():
    for model in MODELS:
        for output in model.outputs:
            wanted = output.aspect_ratio.width / output.aspect_ratio.height
            assert output.width_px / output.height_px == pytest.approx(wanted, rel=0.05)


def test_an_image_of_the_old_model_has_the_size_of_a_grid():
    outputs = {o.aspect_ratio: (o.width_px, o.height_px) for o in model_for("gemini-2.5-flash-image").outputs}
    assert outputs == GRID_SIZES_PX


def test_a_newer_model_is_slightly_wider_at_16_9():
    outputs = {o.aspect_ratio: (o.width_px, o.height_px) for o in model_for(DEFAULT_MODEL_ID).outputs}
    assert outputs[AspectRatio(16, 9)] == (1376, 768)


def test_an_unknown_model_gets_a_careful_row():
    model = model_for("gemini-nano-banana-3")
    assert model.id == "gemini-nano-banana-3"
    assert (model.max_pictures, model.takes_size, len(model.aspect_ratios)) == (14, False, 10)
    assert model.status is ModelStatus.UNKNOWN
    assert model.price_usd > 0


def test_a_variant_of_a_known_model_takes_its_limits():
    model = model_for("gemini-2.5-flash-image-preview")
    assert (model.id, model.max_pictures, model.takes_size) == ("gemini-2.5-flash-image-preview", 3, False)
    assert model.status is ModelStatus.UNKNOWN


def test_the_resource_prefix_is_ignored():
    assert model_for(" models/gemini-3-pro-image ") == model_for("gemini-3-pro-image")
