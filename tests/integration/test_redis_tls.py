"""Redis over TLS, as quel's own commands speak it: by default with a password elsewhere, always verified."""

import json
import socket
from contextlib import closing

import pytest

from quel.adapters.redis.databases import check_databases
from quel.adapters.redis.server_state import read_server_state
from quel.core.errors import ServiceUnavailable, SettingsError
from quel.core.operations.doctor import State
from quel.environment import read_settings
from quel.operations.doctor import examine
from quel.operations.services import OperatorServices
from quel.sandbox.studio import Studio
from tests.integration.quel_command import run_quel
from tests.integration.redis_of_its_own import PASSWORD, running_redis, url_of
from tests.integration.tls_front import tls_front

NOT_LOOPBACK = "0.0.0.0"  # leads here all the same, and is no address of 127.0.0.0/8


@pytest.fixture(scope="module")
def server():
    """A Redis of the module's own."""
    with running_redis() as running:
        yield running


@pytest.fixture(scope="module")
def front(server, tmp_path_factory):
    """TLS in front of it, for both ways of naming this machine."""
    directory = tmp_path_factory.mktemp("tls")
    with tls_front(server.seat.port, directory, "127.0.0.1", NOT_LOOPBACK) as running:
        yield running


def by_parts(host, port, **more):
    parts = {"REDIS_HOST": host, "REDIS_PORT": port, "REDIS_PASSWORD": PASSWORD}
    return {"REDIS_URL": "", "QUEL_BROKER_REDIS_URL": "", "REDIS_USE_TLS": "", **parts, **more}


def findings_of(pipeline, **settings):
    answer = run_quel(pipeline.environment(**settings), "doctor", "--json")
    assert answer.stdout, answer.stderr
    return {finding["check"]: (finding["state"], finding["message"]) for finding in json.loads(answer.stdout)}


def test_a_password_for_a_host_that_is_not_loopback_goes_over_tls(pipeline, front):
    findings = findings_of(pipeline, **by_parts(NOT_LOOPBACK, front.port, SSL_CERT_FILE=str(front.authority)))
    assert findings["Redis"][0] == "ok", findings
    assert findings["Redis of the broker"] == ("ok", "database 1 of the same server")


def test_the_switch_turns_it_off(pipeline, server):
    findings = findings_of(pipeline, **by_parts(NOT_LOOPBACK, server.seat.port, REDIS_USE_TLS="false"))
    assert findings["Redis"][0] == "ok", findings


def test_the_switch_turns_it_on_and_jobs_run_over_it(world, pipeline, server, front):
    settings = by_parts("127.0.0.1", front.port, REDIS_USE_TLS="true", SSL_CERT_FILE=str(front.authority))
    workers = pipeline.workers(**settings)
    studio = Studio(pipeline.database_url, url_of(server), world.storage)
    job_id = studio.job("simple_general", {"prompt": "x"}, total_images=2, member=studio.member())
    studio.push(job_id)
    assert studio.wait([job_id])[job_id]["job_status"] == "completed"
    assert workers.terminate() == 0
    studio.redis.close()


def test_a_url_speaks_it_by_its_scheme_for_lists_and_broker(pipeline, front):
    url = f"rediss://:{PASSWORD}@127.0.0.1:{front.port}/0?ssl_ca_certs={front.authority}"
    findings = findings_of(pipeline, REDIS_URL=url, QUEL_BROKER_REDIS_URL="")
    assert findings["Redis"][0] == "ok", findings
    assert findings["Redis of the broker"] == ("ok", "database 1 of the same server")


def test_a_certificate_nobody_vouches_for_is_refused_and_told(front):
    for url in read_settings(by_parts(NOT_LOOPBACK, str(front.port))).redis_urls.values():
        with pytest.raises(ServiceUnavailable, match="TLS: CERTIFICATE_VERIFY_FAILED"):
            read_server_state(url)


def test_a_certificate_of_another_host_is_refused(server, tmp_path, monkeypatch):
    with tls_front(server.seat.port, tmp_path, "192.0.2.1") as front:
        monkeypatch.setenv("SSL_CERT_FILE", str(front.authority))
        with pytest.raises(ServiceUnavailable, match="TLS: CERTIFICATE_VERIFY_FAILED"):
            read_server_state(read_settings(by_parts(NOT_LOOPBACK, str(front.port))).redis)


def test_the_doctor_tells_of_tls_where_the_server_speaks_none(pipeline, server):
    settings = read_settings(pipeline.environment(**by_parts(NOT_LOOPBACK, server.seat.port)))
    with closing(OperatorServices(settings)) as services:
        finding = next(found for found in examine(services) if found.check == "Redis")
    assert (finding.state, "REDIS_USE_TLS" in finding.message) == (State.TROUBLE, True)
    assert PASSWORD not in finding.message


def test_a_server_spoken_to_in_the_wrong_way_ends_every_start_with_the_cause(pipeline, server, front):
    to_plain = f"rediss://:{PASSWORD}@127.0.0.1:{server.seat.port}/0"
    to_tls = f"redis://:{PASSWORD}@127.0.0.1:{front.port}/0"
    for url, cause in ((to_plain, "REDIS_URL asks for TLS,"), (to_tls, "REDIS_URL asks for no TLS,")):
        with pytest.raises(SettingsError, match=cause) as told:
            check_databases({"REDIS_URL": url})
        assert PASSWORD not in str(told.value)
    workers = pipeline.workers(ready=False, REDIS_URL=to_plain)
    assert workers.wait(60) == 2
    assert "quel cannot start: REDIS_URL asks for TLS," in workers.log.read_text()


def test_a_server_that_says_nothing_at_all_is_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        check_databases({"REDIS_URL": f"rediss://127.0.0.1:{port}/0"})
        check_databases({"REDIS_URL": f"redis://127.0.0.1:{port}/0"})
