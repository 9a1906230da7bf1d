"""Objects of a folder with their sizes, page by page."""

import json

import httpx
import pytest

from quel.adapters.storage import SupabaseStorage
from quel.core.errors import ServiceUnavailable


def storage(answer):
    return SupabaseStorage(
        url="http://storage.invalid",
        service_key="key",
        client=httpx.Client(transport=httpx.MockTransport(answer)),
        sleep=lambda _: None,
    )


def test_every_page_is_read_and_folders_within_are_passed_over():
    names = [f"generated_{number:04d}.webp" for number in range(2_000)]
    entries: list[dict[str, object]] = [
        {"name": name, "id": name, "metadata": {"size": number}} for number, name in enumerate(names)
    ]
    entries.append({"name": "folder", "id": None, "metadata": None})
    asked = []

    def answer(request):
        page = json.loads(request.content)
        asked.append((request.url.path, page["prefix"], page["offset"]))
        return httpx.Response(200, json=entries[page["offset"] : page["offset"] + page["limit"]])

    sizes = storage(answer).sizes_bytes("generated-images/user-7")
    assert sizes == {f"generated-images/user-7/{name}": number for number, name in enumerate(names)}
    route = "/storage/v1/object/list/attachments"
    assert asked == [(route, "generated-images/user-7", offset) for offset in (0, 1_000, 2_000)]


def test_an_empty_folder_has_no_objects():
    assert storage(lambda _: httpx.Response(200, json=[])).sizes_bytes("generated-images/user-7") == {}


def test_a_refusal_is_told():
    refusal = {"statusCode": "403", "error": "Unauthorized", "message": "no"}
    with pytest.raises(ServiceUnavailable, match="refuses to list objects"):
        storage(lambda _: httpx.Response(400, json=refusal)).sizes_bytes("generated-images/user-7")
