"""What the demonstration orders: jobs of every path, kind and type, on the photographs of the sandbox."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from quel.sandbox.demo.in_painting import in_painting, marked_picture


@dataclass(frozen=True)
class Order:
    """One job as the front end would write it.

    `title` is what the table and the contact sheet call it; a `personal` job is paid by the member, any
    other by the studio; so many of its images are `free`. One that is told by its keys has no path in its
    row. `beside` is a PNG that the contact sheet shows before the results.
    """

    title: str
    path: str
    job_type: str
    images: int
    input_data: dict[str, Any]
    personal: bool = False
    told_by_keys: bool = False
    beside: bytes = b""
    free: int = 0

    @property
    def charged(self) -> int:
        """The images that are paid for."""
        return self.images - self.free


def orders(attach: Callable[[str], int], user: UUID) -> list[Order]:
    """The jobs; `attach` turns a photograph's name into an attach id."""

    def ref(name: str, type_: str) -> dict[str, Any]:
        return {"attachId": attach(name), "type": type_}

    astronaut, coffee, rocket = "astronaut.png", "coffee.png", "rocket.jpg"
    cat, grass, brick = "chelsea.png", "grass.png", "brick.png"
    every = [
        Order(
            "model in a place", "fashion", "single_batch", 3,
            {
                "basePrompt": "An evening editorial, confident and calm.",
                "individualImageAttachIds": [ref(astronaut, "model"), ref(rocket, "bg"), ref(brick, "top")],
                "combinations": [
                    {"angle": "front", "shot": "full body", "quantity": 2},
                    {"angle": "profile", "shot": "tight", "quantity": 1},
                ],
                "aspect-ratio": "3:4",
            },
        ),
        Order(
            "two stages", "fashion", "pipeline_stage", 3,
            {
                "stages": [
                    {"stage_index": 0, "prompt": "Soft daylight.", "quantity": 2, "aspect-ratio": "4:5",
                     "individualImageAttachIds": [ref(astronaut, "model"), ref(grass, "outer")]},
                    {"stage_index": 1, "prompt": "Hard light, deep shadows.", "quantity": 1,
                     "aspect-ratio": "16:9", "cameraAngle": "back",
                     "individualImageAttachIds": [ref(astronaut, "model"), ref(brick, "bg")]},
                ],
            },
        ),
        Order(
            "product on its own", "beauty", "single_batch", 1,
            {
                "basePrompt": "A quiet luxury campaign.",
                "individualImageAttachIds": [ref(coffee, "product")],
                "aspectRatio": "1:1",
            },
        ),
        Order(
            "portraits", "beauty", "simple_portrait", 2,
            {
                "mergedImages": [
                    {"mergedAttachId": attach(astronaut), "wrappingPrompt": "Dewy skin.", "photoIndex": 0},
                    {"mergedAttachId": str(attach(coffee)), "photoIndex": "1"},
                ],
                "basePrompt": "Clean studio light.",
                "aspect-ratio": "9:16",
            },
        ),
        Order(
            "a dish, two ways", "eats", "pipeline_stage", 2,
            {
                "stages": [
                    {"stage_index": 0, "prompt": "A slow morning.", "quantity": 1,
                     "cameraAngle": "top down", "aspect-ratio": "1:1", "isPreEdited": True,
                     "individualImageAttachIds": [ref(coffee, "food"), ref(brick, "background")]},
                    {"stage_index": 1, "prompt": "Close and honest.", "quantity": 1, "shotType": "close up",
                     "aspect-ratio": "4:3", "isPreEdited": False,
                     "individualImageAttachIds": [ref(coffee, "food")]},
                ],
            },
        ),
        Order(
            "film still", "cinema", "simple_general", 2,
            {
                "prompt": "The night before the launch.",
                "uploadedAttachIds": [ref(astronaut, "actor"), ref(rocket, "background"), ref(cat, "prop")],
                "aspect-ratio": "21:9",
            },
        ),
        Order(
            "oldest form", "fashion", "simple_general", 1,
            {"prompt": "Seoul bei Nacht, Regen auf dem Asphalt.", "mergedImageAttachId": attach(brick),
             "quantity": "1", "cameraAngle": "front", "shotType": "full"},
            personal=True,
        ),
        Order(
            "two characters", "cartoon", "single_batch", 2,
            {
                "basePrompt": "They race across the roofs.",
                "individualImageAttachIds": [ref(cat, "character"), ref(astronaut, "character"),
                                             ref(grass, "bg")],
                "combinations": [{"angle": "low angle", "shot": "full body", "quantity": 2,
                                  "fx": "speed lines"}],
                "aspect-ratio": "4:3",
            },
        ),
        Order("nothing but text", "cinema", "single_batch", 1, {"basePrompt": "A lighthouse in fog."}),
        Order(
            "in-painting", "modify", "simple_general", 2, in_painting(attach),
            told_by_keys=True, beside=marked_picture(),
        ),
        Order(
            "turn-around", "multiview", "simple_general", 8,
            {"sourceAttachId": attach(astronaut), "aspectRatio": "1:1", "category": "fashion",
             "originalPrompt": "Calm, as in a studio."},
            free=1,  # 0° is the source itself
        ),
        Order(
            "landing page", "landing", "simple_general", 1,
            {"templatePrompt": "A breakfast table by the window.", "prompt": "Steam rises from the cup.",
             "uploadedAttachIds": [ref(coffee, "product")], "aspect-ratio": "16:9"},
        ),
    ]  # fmt: skip
    return [replace(order, input_data=order.input_data | {"userId": str(user)}) for order in every]
