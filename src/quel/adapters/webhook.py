"""Sends a webhook: signed, to a public address that is looked up once and connected to as it was looked up.

Redirects are not followed, proxies and credentials of the environment not used, and of the answer only the
status counts. The certificate is verified for the receiver's name, which the request bears as its host.
"""

import ssl
import time
from collections.abc import Sequence

import httpcore
import httpx

from quel.adapters.bounded_http import tls_context
from quel.adapters.deadline import DeadlineBackend, deadline, resolved
from quel.core.deliver_webhook import ANSWER_WITHIN_S, Answer, Delivery
from quel.core.webhooks.signature import signed_headers
from quel.core.webhooks.target import WebhookPolicy

_MOST_READ_BYTES = 64 * 1024
_HEADERS = {"content-type": "application/json", "user-agent": "quel", "accept-encoding": "identity"}


class _AddressRefused(httpcore.ConnectError):
    """The receiver's name leads to no address that a webhook may go to."""


class WebhookSender:
    """Sends to the receivers that the policy allows, signed with `keys`. Threads may share it."""

    def __init__(
        self, policy: WebhookPolicy, keys: Sequence[bytes], *, within_s: float = ANSWER_WITHIN_S
    ) -> None:
        self._policy = policy
        self._keys = keys
        self._within_s = within_s
        self._tls = tls_context()

    def send(self, delivery: Delivery) -> Answer:
        """One try within its time; never raises for anything the receiver does."""
        url = delivery.url or self._policy.url
        if not url:
            return Answer(code="no_receiver")
        if self._policy.url_problem(url) or (delivery.url and not self._policy.knows_host(delivery.url)):
            return Answer(code="receiver_not_allowed")
        body = delivery.body.encode()
        headers = _HEADERS | signed_headers(self._keys, delivery.message_id, round(time.time()), body)
        try:
            with deadline(self._within_s):
                return Answer(status=self._post(httpx.URL(url), headers, body))
        except _AddressRefused:
            return Answer(code="address_refused")
        except (httpcore.TimeoutException, TimeoutError):
            return Answer(code="timeout")
        except httpcore.ConnectError as error:
            return Answer(code="tls_failed" if _is_tls(error) else "no_connection")
        except httpcore.NetworkError:
            return Answer(code="connection_broke")
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol):
            return Answer(code="no_http")

    def _post(self, url: httpx.URL, headers: dict[str, str], body: bytes) -> int:
        """The answer's status. A connection is of one webhook, so that each looks its address up anew."""
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        backend = DeadlineBackend(self._allowed)
        with (
            httpcore.ConnectionPool(self._tls, max_connections=1, network_backend=backend) as pool,
            pool.stream("POST", target, headers=list(headers.items()), content=body) as answer,
        ):
            _read_some(answer)
            return answer.status

    def _allowed(self, host: str, port: int) -> list[str]:
        found = resolved(host, port)
        allowed = [address for address in found if self._policy.may_connect(address)]
        if not allowed:
            raise _AddressRefused
        return allowed


def _read_some(answer: httpcore.Response) -> None:
    """Takes what is left of an answer whose status is known, so that its sender is not cut off mid-word."""
    read = 0
    try:
        for chunk in answer.iter_stream():
            read += len(chunk)
            if read > _MOST_READ_BYTES:
                return
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        return  # what it goes on to say counts for nothing


def _is_tls(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
