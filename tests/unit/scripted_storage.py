"""The bucket's adapter against scripted answers."""

import httpx

from quel.adapters.storage import SupabaseStorage

URL = "https://project.example"
KEY = "service-key-that-nobody-may-see"
OBJECTS = f"{URL}/storage/v1/object"
NOT_FOUND = httpx.Response(400, json={"statusCode": "404", "error": "not_found", "message": "…"})
BUSY = httpx.Response(503, text="<html>busy</html>")


class Script:
    """Answers one after the other, the last one for ever, and remembers requests and pauses."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []
        self.pauses_s = []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content)

    def storage(self, *, url=URL, service_key=KEY, public_base_url="", max_reference_bytes=25_000_000):
        return SupabaseStorage(
            url=url,
            service_key=service_key,
            public_base_url=public_base_url,
            max_reference_bytes=max_reference_bytes,
            client=httpx.Client(transport=httpx.MockTransport(self)),
            sleep=self.pauses_s.append,
            random_fraction=lambda: 0.5,
        )

    @property
    def urls(self):
        return [f"{request.method} {request.url}" for request in self.requests]


def found(data=b"picture"):
    return httpx.Response(200, content=data)
