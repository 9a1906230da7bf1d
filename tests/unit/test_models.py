"""What the model table says about known ids, and what it assumes of others."""

import pytest

from quel.core.aspect import GRID_SIZES_PX, AspectRatio
from quel.core.models import DEFAULT_MODEL_ID, MODELS, ModelStatus, model_for


@pytest.mark.parametrize(
    ("model_id", "pictures", "price_usd", "image_size", "ratios", "status"),
    [
        ("gemini-nano-banana-2.1", 14, 0.0336, "1K", 14, ModelStatus.CURRENT),
        ("gemini-3-pro-image", 14, 0.134, "1K", 10, ModelStatus.CURRENT),
        ("gemini-3.1-flash-image", 14, 0.067, "1K", 14, ModelStatus.DEPRECATED),
        ("gemini-2.5-flash-image", 3, 0.039, None, 10, ModelStatus.ENDED),
    ],
)
def test_a_known_model_has_its_own_row(model_id, pictures, price_usd, image_size, ratios, status):
    model = model_for(model_id)
    assert model.id == model_id
    assert (model.max_pictures, model.price_usd, model.image_size) == (pictures, price_usd, image_size)
    assert (len(model.aspect_ratios), model.status, model.engine) == (ratios, status, "gemini")


def test_every_model_accepts_every_ratio_a_job_can_ask_for():
    for model in [*MODELS, model_for("something-new")]:
        assert set(GRID_SIZES_PX) <= set(model.aspect_ratios)


def test_every_output_has_the_shape_of_its_ratio():
    for model in MODELS:
        for output in model.outputs:
            wanted = output.aspect_ratio.width / output.aspect_ratio.height
            assert output.width_px / output.height_px == pytest.approx(wanted, rel=0.05)
            assert output.tokens > 0


def test_an_image_of_the_old_model_has_the_size_of_a_grid():
    outputs = {o.aspect_ratio: (o.width_px, o.height_px) for o in model_for("gemini-2.5-flash-image").outputs}
    assert outputs == GRID_SIZES_PX


def test_a_newer_model_is_slightly_wider_at_16_9():
    outputs = {o.aspect_ratio: (o.width_px, o.height_px) for o in model_for(DEFAULT_MODEL_ID).outputs}
    assert outputs[AspectRatio(16, 9)] == (1376, 768)


def test_an_unknown_model_gets_a_careful_row():
    model = model_for("gemini-nano-banana-3")
    assert model.id == "gemini-nano-banana-3"
    assert (model.max_pictures, model.image_size, len(model.aspect_ratios)) == (14, None, 10)
    assert model.status is ModelStatus.UNKNOWN
    assert model.price_usd > 0


def test_a_variant_of_a_known_model_takes_its_limits():
    model = model_for("gemini-2.5-flash-image-preview")
    assert (model.id, model.max_pictures, model.image_size) == ("gemini-2.5-flash-image-preview", 3, None)
    assert model.status is ModelStatus.UNKNOWN


def test_the_resource_prefix_is_ignored():
    assert model_for(" models/gemini-3-pro-image ") == model_for("gemini-3-pro-image")
