"""One call to Gemini over google-genai: it ends at its deadline, is never repeated, and returns an outcome.

What the provider does comes back as a value, past the SDK (see `single_request`). The SDK's and httpx's
exceptions hold the API key and the whole request, so none leaves this room, is chained or logged.
"""

from collections.abc import Sequence
from functools import partial
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

import httpx

from quel.adapters.bounded_http import BoundedTransport, tls_context
from quel.adapters.cpus import usable_cpus
from quel.adapters.gemini.answer import judge_answer
from quel.adapters.gemini.error_answer import HttpAnswer, judge_error
from quel.adapters.gemini.inline_pictures import InlinePictures
from quel.adapters.gemini.model_check import ModelCheck, failed_check, judge_model
from quel.adapters.gemini.single_request import SingleRequestTransport
from quel.adapters.http_settings import header_secret, http_url
from quel.adapters.imaging import Workbench, check_readable
from quel.core.call import Call
from quel.core.models import API_VERSION, Model, model_for
from quel.core.outcome import GenerateRequest, Outcome

if TYPE_CHECKING:
    from google.genai import types

GEMINI_URL = "https://generativelanguage.googleapis.com/"

_MAX_ANSWER_BYTES = 64 * 1024 * 1024  # a 4K PNG in base64 is below 40 MB


class GeminiEngine:
    """Makes images with one Gemini model; implements `Engine`. Thread-safe; one a process, after the fork.

    `base_url` and `api_version` are for gateways, tests and demos; empty means Google's address and
    `API_VERSION`. `transport` takes the place of the one that sends. `timeout_s` is the deadline of a whole
    call, `concurrency` the number of connections: the number of threads that call, `bench` where the answers'
    pictures are looked at. Nothing is read from the environment. Raises SettingsError for a key or address
    that cannot be one.
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
        bench: Workbench | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        # Imported here: it takes most of a second, and only processes that make images need it.
        from google import genai
        from google.genai import types

        self.model = model_for(model)
        self._api_key = header_secret(api_key, "GEMINI_API_KEY")
        transport = transport or BoundedTransport(timeout_s, _MAX_ANSWER_BYTES, concurrency)
        self._requests = SingleRequestTransport(transport, timeout_s)
        self._http = httpx.Client(transport=self._requests, trust_env=False)
        self._reading = BoundedSemaphore(usable_cpus())
        self._inspect = partial(check_readable, bench=bench or Workbench())
        # Kept referenced: the SDK closes a client that nothing holds, even under a call. Key, backend and
        # address are explicit because GOOGLE_* variables would otherwise override them.
        self._client = genai.Client(
            api_key=self._api_key,
            vertexai=False,
            http_options=types.HttpOptions(
                base_url=http_url(base_url or GEMINI_URL, "GEMINI_BASE_URL"),
                api_version=api_version or API_VERSION,
                httpx_client=self._http,
                # Of clients that are made and never used: each would read the certificates anew.
                client_args={"verify": tls_context()},
                async_client_args={"verify": tls_context(), "ssl": tls_context()},
            ),
        )

    def generate(self, request: GenerateRequest, call: Call | None = None) -> Outcome:  # noqa: ARG002
        """One call to the provider within its deadline; never raises for anything the provider does."""
        model = self._model_of(request)
        pictures = InlinePictures(request.pictures)
        answer = self._requests.reply_to(
            lambda headers: self._send(request, pictures.words, headers), pictures.put_into
        )
        if not isinstance(answer, HttpAnswer):
            return answer
        secrets = (self._api_key, request.prompt)
        if not answer.is_success:
            return judge_error(answer, model.id, secrets)
        with self._reading:  # one a CPU: more at once would only hold more memory, some 6 MB each
            price_usd = model.size_for(request.image_size).price_usd
            return judge_answer(answer, model, self._inspect, secrets, price_usd=price_usd)

    def _model_of(self, request: GenerateRequest) -> Model:
        return model_for(request.model) if request.model else self.model

    def _send(self, request: GenerateRequest, words: Sequence[bytes], headers: dict[str, str]) -> None:
        from google.genai import types

        parts: list[types.Part] = []
        for number, (word, picture) in enumerate(zip(words, request.pictures, strict=True)):
            parts += [types.Part.from_text(text=label) for label in request.labels[number : number + 1]]
            parts.append(types.Part.from_bytes(data=word, mime_type=picture.mime_type))
        self._client.models.generate_content(
            model=self._model_of(request).id,
            contents=types.Content(role="user", parts=[*parts, types.Part.from_text(text=request.prompt)]),
            config=self._config(request, headers),
        )

    def _config(self, request: GenerateRequest, headers: dict[str, str]) -> "types.GenerateContentConfig":
        from google.genai import types

        model = self._model_of(request)
        return types.GenerateContentConfig(
            http_options=types.HttpOptions(headers=headers),
            temperature=model.temperature if request.temperature is None else request.temperature,
            seed=request.seed,
            response_modalities=["IMAGE"],
            image_config=types.ImageConfig(
                aspect_ratio=str(request.aspect_ratio),
                image_size=model.size_for(request.image_size).name if model.takes_size else None,
            ),
            # The SDK would otherwise announce its function calling at info level, once an image.
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )

    def check_model(self) -> ModelCheck:
        """Asks the provider for the model, without making an image. Raises nothing the provider does."""
        answer = self._requests.reply_to(self._ask_for_model)
        if not isinstance(answer, HttpAnswer):
            return failed_check(answer)
        return judge_model(answer, self.model.id, secrets=(self._api_key,))

    def _ask_for_model(self, headers: dict[str, str]) -> None:
        from google.genai import types

        options = types.HttpOptions(headers=headers)
        self._client.models.get(model=self.model.id, config=types.GetModelConfig(http_options=options))

    def close(self) -> None:
        """Closes the connections; the engine cannot be used afterwards."""
        self._http.close()
