"""One call to Gemini over google-genai: it ends at its deadline, is never repeated, and returns an outcome.

What the provider does comes back as a value. The SDK's and httpx's exceptions hold the API key and the whole
request, so none leaves this module, is chained or logged.
"""

import os
from collections.abc import Callable
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

import httpx

from quel.adapters.bounded_http import bounded_client
from quel.adapters.gemini.answer import judge_answer
from quel.adapters.gemini.error_answer import HttpAnswer, judge_error
from quel.adapters.gemini.model_check import NOT_GEMINI, ModelCheck, failed_check, judge_model
from quel.adapters.gemini.transport_error import judge_transport_error
from quel.adapters.http_settings import header_secret, http_url
from quel.adapters.imaging import check_readable
from quel.core.models import model_for
from quel.core.outcome import Broken, GenerateRequest, Outcome

if TYPE_CHECKING:
    from google.genai import types

GEMINI_URL = "https://generativelanguage.googleapis.com/"

TEMPERATURE = 0.45  # SPEC 4

_MAX_ANSWER_BYTES = 64 * 1024 * 1024  # a 4K PNG in base64 is below 40 MB


class _Answered(Exception):
    """Carries an answer past the SDK: it would wrap an error together with the request, and copy pictures."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__("The provider has answered.")
        self.answer = answer


class GeminiEngine:
    """Makes images with one Gemini model; implements `Engine`. Thread-safe; one a process, after the fork.

    `base_url` and `api_version` are for gateways, tests and demos; empty means Google's address and the
    SDK's version. `timeout_s` is the deadline of a whole call, `concurrency` the number of connections: the
    number of threads that call. Nothing is read from the environment. Raises SettingsError for a key
    or address that cannot be one.
    """

    def __init__(
        self,
        *,
        api_key: str,
        model: str,
        base_url: str = "",
        api_version: str = "",
        timeout_s: float = 120.0,
        concurrency: int = 8,
    ) -> None:
        # Imported here: it takes most of a second, and only processes that make images need it.
        from google import genai
        from google.genai import types

        self.model = model_for(model)
        self._api_key = header_secret(api_key, "GEMINI_API_KEY")
        self._timeout_s = timeout_s
        self._http = bounded_client(
            timeout_s=timeout_s,
            max_answer_bytes=_MAX_ANSWER_BYTES,
            max_connections=concurrency,
            on_answer=_hand_over,
        )
        self._reading = BoundedSemaphore(os.cpu_count() or 1)
        # Kept referenced: the SDK closes a client that nothing holds, even under a call. Key, backend and
        # address are explicit because GOOGLE_* variables would otherwise override them.
        self._client = genai.Client(
            api_key=self._api_key,
            vertexai=False,
            http_options=types.HttpOptions(
                base_url=http_url(base_url or GEMINI_URL, "GEMINI_BASE_URL"),
                api_version=api_version or None,
                httpx_client=self._http,
            ),
        )

    def generate(self, request: GenerateRequest) -> Outcome:
        """One call to the provider within its deadline; never raises for anything the provider does."""
        try:
            answer = self._answer_to(lambda: self._send(request))
        except httpx.TransportError as error:
            return judge_transport_error(error, self._timeout_s)
        except Exception as error:  # noqa: BLE001  the SDK lets anything through, and may quote the request
            return Broken("unreadable_answer", f"Gemini's answer cannot be read ({type(error).__name__}).")
        if answer.status != 200:
            return judge_error(answer, self.model.id, secrets=(self._api_key, request.prompt))
        with self._reading:  # one a CPU: more at once would only hold more memory, some 6 MB each
            return judge_answer(answer.body, self.model.price_usd, check_readable)

    def _answer_to(self, call: Callable[[], object]) -> HttpAnswer:
        """The answer to the request that `call` makes of the SDK. Raises whatever the SDK and httpx raise."""
        try:
            call()
        except _Answered as answered:
            answered.__traceback__ = None  # the SDK's retries hold it, and it all the SDK's frames: megabytes
            return answered.answer
        raise httpx.RemoteProtocolError("The SDK made no request.")

    def _send(self, request: GenerateRequest) -> None:
        from google.genai import types

        pictures = [types.Part.from_bytes(data=p.data, mime_type=p.mime_type) for p in request.pictures]
        self._client.models.generate_content(
            model=self.model.id,
            contents=types.Content(role="user", parts=[*pictures, types.Part.from_text(text=request.prompt)]),
            config=self._config(request),
        )

    def _config(self, request: GenerateRequest) -> "types.GenerateContentConfig":
        from google.genai import types

        return types.GenerateContentConfig(
            temperature=TEMPERATURE,
            seed=request.seed,
            response_modalities=["IMAGE"],
            image_config=types.ImageConfig(
                aspect_ratio=str(request.aspect_ratio), image_size=self.model.image_size
            ),
            # The SDK would otherwise announce its function calling at info level, once an image.
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )

    def check_model(self) -> ModelCheck:
        """Asks the provider for the model, without making an image. Raises nothing the provider does."""
        try:
            answer = self._answer_to(lambda: self._client.models.get(model=self.model.id))
        except httpx.TransportError as error:
            return failed_check(judge_transport_error(error, self._timeout_s))
        except Exception:  # noqa: BLE001  as in generate
            return NOT_GEMINI
        if answer.status != 200:
            return failed_check(judge_error(answer, self.model.id, secrets=(self._api_key,)))
        return judge_model(answer.body, self.model.id)

    def close(self) -> None:
        """Closes the connections; the engine cannot be used afterwards."""
        self._http.close()


def _hand_over(response: httpx.Response) -> None:
    raise _Answered(HttpAnswer(response.status_code, response.read(), response.headers.get("retry-after")))
