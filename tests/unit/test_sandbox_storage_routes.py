from email.message import Message

import pytest

from quel.sandbox.http_server import Request
from quel.sandbox.storage.listing import list_folder
from quel.sandbox.storage.routes import read_route


def asked(method, path):
    route = read_route(Request(method, path, path, {}, Message(), b""))
    return route and (route.operation, route.bucket, route.path)


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", "/storage/v1/object/public/attachments/a/b.png", "read_public"),
        ("HEAD", "/storage/v1/object/public/attachments/a/b.png", "read_public"),
        ("GET", "/storage/v1/object/authenticated/attachments/a/b.png", "read"),
        ("GET", "/storage/v1/object/attachments/a/b.png", "read"),
        ("GET", "/storage/v1/object/info/attachments/a/b.png", "info"),
        ("GET", "/storage/v1/object/info/public/attachments/a/b.png", "info"),
        ("GET", "/storage/v1/object/info/authenticated/attachments/a/b.png", "info"),
        ("POST", "/storage/v1/object/attachments/a/b.png", "upload"),
        ("PUT", "/storage/v1/object/attachments/a/b.png", "upload"),
        ("DELETE", "/storage/v1/object/attachments/a/b.png", "delete"),
    ],
)
def test_a_route_names_operation_bucket_and_object(method, path, operation):
    assert asked(method, path) == (operation, "attachments", "a/b.png")


def test_deleting_and_listing_name_only_the_bucket():
    assert asked("DELETE", "/storage/v1/object/attachments") == ("delete", "attachments", "")
    assert asked("POST", "/storage/v1/object/list/attachments") == ("list", "attachments", "")


def test_other_addresses_are_no_route():
    assert asked("GET", "/rest/v1/quel_attach") is None
    assert asked("POST", "/storage/v1/object/attachments") is None


def test_a_folder_lists_its_objects_and_its_folders_once():
    sizes = {"g/user-1/a.webp": 3, "g/user-1/b.webp": 4, "g/c.webp": 5, "other": 6}
    listed = list_folder(sizes, "g")
    assert [(entry["name"], entry["id"]) for entry in listed] == [("c.webp", "g/c.webp"), ("user-1", None)]
    assert listed[0]["metadata"] == {"size": 5}


def test_a_listing_comes_in_pages_and_can_be_searched():
    sizes = {f"{number:03}.webp": 1 for number in range(250)}
    assert len(list_folder(sizes)) == 100
    assert [entry["name"] for entry in list_folder(sizes, limit=2, offset=200)] == ["200.webp", "201.webp"]
    assert len(list_folder(sizes, search="01")) == 10
