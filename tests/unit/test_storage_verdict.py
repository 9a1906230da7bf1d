"""How an answer of Storage is read: the body's status before HTTP's."""

import json

import pytest

from quel.adapters.storage.verdict import Kind, Verdict, judge


def body(status, error="error"):
    return json.dumps({"statusCode": status, "error": error, "message": "…"}).encode()


@pytest.mark.parametrize(
    ("status", "answer", "verdict"),
    [
        (200, b"bytes", Verdict(Kind.DONE, 200)),
        (201, b"", Verdict(Kind.DONE, 201)),
        (400, body("404", "not_found"), Verdict(Kind.REFUSED, 404)),
        (400, body(404), Verdict(Kind.REFUSED, 404)),
        (400, body("403"), Verdict(Kind.REFUSED, 403)),
        (400, body("413"), Verdict(Kind.REFUSED, 413)),
        (400, body("415"), Verdict(Kind.REFUSED, 415)),
        (400, body("409", "Duplicate"), Verdict(Kind.RETRY, 409)),
        (400, body("423"), Verdict(Kind.RETRY, 423)),
        (400, body("429"), Verdict(Kind.RETRY, 429)),
        (400, body("500"), Verdict(Kind.RETRY, 500)),
        (400, body("503"), Verdict(Kind.RETRY, 503)),
        (400, body("544", "DatabaseTimeout"), Verdict(Kind.RETRY, 544)),
        (400, b"<html>bad request</html>", Verdict(Kind.REFUSED, 400)),
        (400, body("not a number"), Verdict(Kind.REFUSED, 400)),
        (400, body(None), Verdict(Kind.REFUSED, 400)),
        (400, body("²²²"), Verdict(Kind.REFUSED, 400)),
        (400, b"[1]", Verdict(Kind.REFUSED, 400)),
        (401, b"", Verdict(Kind.REFUSED, 401)),
        (404, b"", Verdict(Kind.REFUSED, 404)),
        (413, b"<html>nginx</html>", Verdict(Kind.REFUSED, 413)),
        (302, b"", Verdict(Kind.REFUSED, 302)),
        (429, b"", Verdict(Kind.RETRY, 429)),
        (500, body("404"), Verdict(Kind.RETRY, 500)),
        (502, b"<html>\xff</html>", Verdict(Kind.RETRY, 502)),
        (544, b"", Verdict(Kind.RETRY, 544)),
    ],
)
def test_an_answer_is_judged_by_its_body_then_by_its_status(status, answer, verdict):
    assert judge(status, answer) == verdict


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b'{"Key": "attachments/r/1.webp"}', Kind.DONE),
        (b"[]", Kind.DONE),
        (b"<html>Welcome</html>", Kind.RETRY),
        (b"", Kind.RETRY),
        (b"\xff\xfe", Kind.RETRY),
    ],
)
def test_a_change_is_done_only_when_storage_confirms_it(answer, kind):
    assert judge(200, answer, changed=True) == Verdict(kind, 200)
    assert judge(200, answer) == Verdict(Kind.DONE, 200)
