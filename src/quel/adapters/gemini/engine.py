"""One call to Gemini over google-genai: it ends at its deadline, is never repeated, and returns an outcome.

What the provider does comes back as a value. The SDK's and httpx's exceptions hold the API key and the whole
request, so none leaves this module, is chained or logged.
"""

from typing import TYPE_CHECKING

import httpx

from quel.adapters.bounded_http import bounded_client
from quel.adapters.gemini.answer import judge_answer
from quel.adapters.gemini.error_answer import ErrorAnswer, judge_error
from quel.adapters.gemini.model_check import ModelCheck, ModelState, failed_check
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


class _NotOkError(Exception):
    """Carries an answer that is not 200 past the SDK, which would wrap it together with the request."""

    def __init__(self, answer: ErrorAnswer) -> None:
        super().__init__("The provider answered with an error.")
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
            on_answer=_raise_unless_ok,
        )
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
            body = self._call(request)
        except _NotOkError as error:
            return judge_error(error.answer, self.model.id, secrets=(self._api_key, request.prompt))
        except httpx.TransportError as error:
            return judge_transport_error(error, self._timeout_s)
        except Exception as error:  # noqa: BLE001  the SDK lets anything through, and may quote the request
            return Broken("unreadable_answer", f"Gemini's answer cannot be read ({type(error).__name__}).")
        return judge_answer(body, self.model.price_usd, check_readable)

    def _call(self, request: GenerateRequest) -> str:
        from google.genai import types

        pictures = [types.Part.from_bytes(data=p.data, mime_type=p.mime_type) for p in request.pictures]
        answer = self._client.models.generate_content(
            model=self.model.id,
            contents=types.Content(role="user", parts=[*pictures, types.Part.from_text(text=request.prompt)]),
            config=self._config(request),
        )
        return (answer.sdk_http_response and answer.sdk_http_response.body) or ""

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
            # The answer as it came: judge_answer reads it, and the SDK makes no second request for more.
            should_return_http_response=True,
        )

    def check_model(self) -> ModelCheck:
        """Asks the provider for the model, without making an image. Raises nothing the provider does."""
        try:
            self._client.models.get(model=self.model.id)
        except _NotOkError as error:
            return failed_check(judge_error(error.answer, self.model.id, secrets=(self._api_key,)))
        except httpx.TransportError as error:
            return failed_check(judge_transport_error(error, self._timeout_s))
        except Exception:  # noqa: BLE001  as in generate
            return ModelCheck(ModelState.UNREACHABLE, "What answers at GEMINI_BASE_URL is not Gemini.")
        return ModelCheck(ModelState.OK, f"Gemini knows {self.model.id}.")

    def close(self) -> None:
        """Closes the connections; the engine cannot be used afterwards."""
        self._http.close()


def _raise_unless_ok(response: httpx.Response) -> None:
    if response.status_code != 200:
        body = response.read()
        raise _NotOkError(ErrorAnswer(response.status_code, body, response.headers.get("retry-after")))
