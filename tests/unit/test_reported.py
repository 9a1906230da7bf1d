"""What people reported in public about such systems, as files, each ending as it should.

Answers of the provider are in `provider_answers`, pictures in `pictures`, job inputs in tests/rows.
"""

import json
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import make_url

from quel.adapters.postgres.url import sqlalchemy_url
from quel.core.errors import Misconfigured, SettingsError
from tests.unit.scripted_storage import NOT_FOUND, URL, Script, found

REPORTED = Path(__file__).with_name("reported")
STORAGE = json.loads((REPORTED / "storage_answers.json").read_text("utf-8"))
PATHS = STORAGE.pop("stored_paths")
FAULTS = {
    "upload_415_mime_type": "storage_type",
    "upload_413_bucket_limit": "storage_size",
    "upload_400_invalid_signature": "storage_access",
    "read_403_on_authenticated_route": "storage_access",
}


class OneObject(Script):
    """A bucket that holds `uploads/x.png` alone."""

    def __call__(self, request):
        return (
            found() if request.url.path.endswith("/attachments/uploads/x.png") else super().__call__(request)
        )


@pytest.mark.parametrize("name", STORAGE)
def test_a_refusal_of_storage_is_an_operators_and_drops_nothing(name):
    status, body = STORAGE[name]
    answer = httpx.Response(status, json=body)
    storage = Script(NOT_FOUND, answer).storage() if "read" in name else Script(answer).storage()
    with pytest.raises(Misconfigured) as refused:
        storage.read_reference("uploads/x.png") if "read" in name else storage.write_result("r/1.webp", b"")
    assert refused.value.fault == FAULTS[name]


@pytest.mark.parametrize("path", PATHS)
def test_a_stored_path_leads_to_the_object_it_means(path):
    path = path.replace("<SUPABASE_STORAGE_BASE_URL>", f"{URL}/storage/v1/object/public/attachments/")
    path = path.replace("<SUPABASE_URL>", URL)

    assert OneObject(NOT_FOUND).storage().read_reference(path) == b"picture"


@pytest.mark.parametrize("url", json.loads((REPORTED / "urls.json").read_text("utf-8")))
def test_a_connection_string_is_read_or_refused_with_what_to_do(url):
    url = url.replace("HOST:PORT", "db.example:6543")
    if "#" in url:
        with pytest.raises(SettingsError, match="percent-encoded"):
            sqlalchemy_url(url)
        return
    read = make_url(sqlalchemy_url(url))
    assert (read.host, read.port, read.database, dict(read.query)) == ("db.example", 6543, "quel", {})
