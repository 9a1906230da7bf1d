"""The certificates that servers are known by are read once a process: each time costs a start some 25 ms."""

import ssl

from quel.adapters.bounded_http import BoundedTransport, bounded_client, tls_context
from quel.adapters.gemini import GeminiEngine
from quel.adapters.webhook import WebhookSender
from quel.core.webhooks.target import WebhookPolicy


def test_all_clients_of_a_process_read_them_once(monkeypatch):
    made = []
    original = ssl.create_default_context

    def counted(*arguments, **options):
        made.append(original(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", counted)
    tls_context.cache_clear()
    BoundedTransport(1.0, 10, 2)
    bounded_client(timeout_s=1.0, max_answer_bytes=10, max_connections=2).close()
    GeminiEngine(api_key="k" * 20, model="gemini-2.5-flash-image").close()
    WebhookSender(WebhookPolicy(), ())
    assert len(made) == 1
    assert made[0].verify_mode is ssl.CERT_REQUIRED
