"""In-paintings as quel's own submit writes them, with small pictures and strokes."""

import base64
import io
from uuid import uuid4

from PIL import Image, ImageDraw

GREY, RED = (120, 130, 140), (255, 0, 0)


def file_of(picture, kind="PNG"):
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def plain(colour=GREY, size=(640, 360)):
    return file_of(Image.new("RGB", size, colour))


def strokes(size=(320, 180)):
    """Red in the upper left quarter, the rest transparent."""
    layer = Image.new("RGBA", size, (0, 0, 0, 0))
    ImageDraw.Draw(layer).rectangle((0, 0, size[0] // 2 - 1, size[1] // 2 - 1), fill=(*RED, 255))
    return file_of(layer)


def url(data):
    return "data:image/png;base64," + base64.b64encode(data).decode()


def order(studio, token, *, images=1, member=None, columns=None, **keys):
    """A job as quel's own submit writes it, not pushed yet; None as a value leaves a key out."""
    data = {
        "originalAttachId": keys.pop("original", None) or studio.attach(plain(), "room.png"),
        "originalImageUrl": None,
        "originalProductionId": str(uuid4()),
        "maskDataUrl": url(strokes()),
        "prompt": token,
        "layers": [],
        "referenceImageDataUrl": None,
        "quantity": images,
        "userId": str(member) if member else "u-1",
        "chargedOnDelivery": True,
    } | keys
    data = {key: value for key, value in data.items() if value is not None}
    return studio.job(
        "simple_general",
        data,
        total_images=images,
        member=member or studio.member(1_000),
        path=None,
        **(columns or {}),
    )
