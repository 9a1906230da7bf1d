"""How an answer of Storage is read: the body's status before HTTP's."""

import json

import pytest

from quel.adapters.storage.answer import AnswerKind, StorageAnswer, read_answer


def body(status, error="error"):
    return json.dumps({"statusCode": status, "error": error, "message": "…"}).encode()


@pytest.mark.parametrize(
    ("status", "content", "answer"),
    [
        (200, b"bytes", StorageAnswer(AnswerKind.DONE, 200)),
        (201, b"", StorageAnswer(AnswerKind.DONE, 201)),
        (400, body("404", "not_found"), StorageAnswer(AnswerKind.REFUSED, 404)),
        (400, body(404), StorageAnswer(AnswerKind.REFUSED, 404)),
        (400, body("403"), StorageAnswer(AnswerKind.REFUSED, 403)),
        (400, body("413"), StorageAnswer(AnswerKind.REFUSED, 413)),
        (400, body("415"), StorageAnswer(AnswerKind.REFUSED, 415)),
        (400, body("409", "Duplicate"), StorageAnswer(AnswerKind.RETRY, 409)),
        (400, body("423"), StorageAnswer(AnswerKind.RETRY, 423)),
        (400, body("429"), StorageAnswer(AnswerKind.RETRY, 429)),
        (400, body("500"), StorageAnswer(AnswerKind.RETRY, 500)),
        (400, body("503"), StorageAnswer(AnswerKind.RETRY, 503)),
        (400, body("544", "DatabaseTimeout"), StorageAnswer(AnswerKind.RETRY, 544)),
        (400, b"<html>bad request</html>", StorageAnswer(AnswerKind.REFUSED, 400)),
        (400, body("not a number"), StorageAnswer(AnswerKind.REFUSED, 400)),
        (400, body(None), StorageAnswer(AnswerKind.REFUSED, 400)),
        (400, body("²²²"), StorageAnswer(AnswerKind.REFUSED, 400)),
        (400, b"[1]", StorageAnswer(AnswerKind.REFUSED, 400)),
        (401, b"", StorageAnswer(AnswerKind.REFUSED, 401)),
        (404, b"", StorageAnswer(AnswerKind.REFUSED, 404)),
        (413, b"<html>nginx</html>", StorageAnswer(AnswerKind.REFUSED, 413)),
        (302, b"", StorageAnswer(AnswerKind.REFUSED, 302)),
        (429, b"", StorageAnswer(AnswerKind.RETRY, 429)),
        (500, body("404"), StorageAnswer(AnswerKind.RETRY, 500)),
        (502, b"<html>\xff</html>", StorageAnswer(AnswerKind.RETRY, 502)),
        (544, b"", StorageAnswer(AnswerKind.RETRY, 544)),
    ],
)
def test_an_answer_is_judged_by_its_body_then_by_its_status(status, content, answer):
    assert read_answer(status, content) == answer


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b'{"Key": "attachments/r/1.webp"}', AnswerKind.DONE),
        (b"[]", AnswerKind.DONE),
        (b"<html>Welcome</html>", AnswerKind.RETRY),
        (b"", AnswerKind.RETRY),
        (b"\xff\xfe", AnswerKind.RETRY),
    ],
)
def test_a_change_is_done_only_when_storage_confirms_it(answer, kind):
    assert read_answer(200, answer, changed=True) == StorageAnswer(kind, 200)
    assert read_answer(200, answer) == StorageAnswer(AnswerKind.DONE, 200)
