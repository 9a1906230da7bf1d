"""A Redis that lacks a database quel was told to use: every start ends with a sentence, none waits for it."""

import json
from uuid import uuid4

import pytest
import redis

from quel.adapters.redis.databases import check_databases
from quel.core.errors import SettingsError
from quel.environment import read_settings
from quel.sandbox.processes import scheduler
from quel.sandbox.studio import Studio
from tests.integration.harness import until
from tests.integration.quel_command import run_quel
from tests.integration.redis_of_its_own import (
    CLUSTER,
    ONE_DATABASE,
    PASSWORD,
    running_redis,
    seated_redis,
    url_of,
)

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture(scope="module")
def single():
    """A server with one database, as many managed ones have."""
    with running_redis(*ONE_DATABASE) as server:
        yield server


@pytest.fixture(scope="module")
def cluster():
    """A cluster of one node."""
    with running_redis(*CLUSTER) as server:
        yield server


@pytest.fixture
def server(request):
    """The server whose name the test gives."""
    return request.getfixturevalue(request.param)


def assert_ended_with_a_sentence(process):
    assert process.wait(60) == 2
    said = process.log.read_text()
    sentences = [line for line in said.splitlines() if "quel cannot start" in line]
    assert sentences, said
    assert all("QUEL_BROKER_REDIS_URL" in line for line in sentences)
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("server", "groups"),
    [("single", ()), ("single", ("generate_image",)), ("cluster", ())],
    indirect=["server"],
)
def test_workers_end_with_2_and_name_the_setting(pipeline, server, groups):
    process = pipeline.workers(
        *groups, processes=2, ready=False, REDIS_URL=url_of(server), QUEL_BROKER_REDIS_URL=""
    )
    assert_ended_with_a_sentence(process)


@pytest.mark.parametrize("server", ["single", "cluster"], indirect=True)
def test_the_scheduler_ends_with_2_and_names_the_setting(pipeline, server):
    assert_ended_with_a_sentence(pipeline.scheduler(REDIS_URL=url_of(server), QUEL_BROKER_REDIS_URL=""))


def test_parts_instead_of_a_url_lack_it_the_same_way(single):
    login = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(single.seat.port), "REDIS_PASSWORD": PASSWORD}
    with pytest.raises(SettingsError, match="QUEL_BROKER_REDIS_URL means database 1"):
        check_databases(read_settings(login).redis_urls)


def test_a_database_that_redis_url_names_and_is_not_there_is_named_too(single):
    with pytest.raises(SettingsError, match="REDIS_URL means database 5"):
        check_databases({"REDIS_URL": url_of(single, 5), "QUEL_BROKER_REDIS_URL": url_of(single)})


def test_in_cluster_mode_no_database_will_do(cluster):
    with pytest.raises(SettingsError, match=r"cluster mode.*QUEL_BROKER_REDIS_URL"):
        check_databases(dict.fromkeys(("REDIS_URL", "QUEL_BROKER_REDIS_URL"), url_of(cluster)))


@pytest.mark.parametrize("server", ["single", "cluster"], indirect=True)
@pytest.mark.parametrize(
    "verb",
    [
        ("dead", "list"),
        ("dead", "show", "x"),
        ("dead", "requeue", "--all"),
        ("dead", "drop", "--all"),
        ("cancel", "JOB"),
        ("retry", "JOB"),
    ],
)
def test_verbs_that_use_the_broker_end_with_2_and_change_nothing(pipeline, server, verb):
    studio = pipeline.studio
    status = "failed" if verb[0] == "retry" else "pending"
    job_id = studio.job(
        "simple_general", {"prompt": "x"}, total_images=1, member=studio.member(), job_status=status
    )
    before = studio.job_row(job_id)
    settings = pipeline.environment(REDIS_URL=url_of(server), QUEL_BROKER_REDIS_URL="")
    answer = run_quel(settings, *(str(job_id) if word == "JOB" else word for word in verb))
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "QUEL_BROKER_REDIS_URL" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert studio.job_row(job_id) == before
    with redis.Redis.from_url(url_of(server)) as client:
        assert client.keys("job:*") == []


def test_verbs_without_the_broker_need_no_second_database(pipeline, single):
    settings = pipeline.environment(REDIS_URL=url_of(single), QUEL_BROKER_REDIS_URL="")
    for verb in (("pause", "--path", "eats"), ("resume",), ("dead", "rejected")):
        assert run_quel(settings, *verb).returncode == 0


@pytest.mark.parametrize(
    ("server", "checks"),
    [("single", {"Redis of the broker"}), ("cluster", {"Redis", "Redis of the broker"})],
    indirect=["server"],
)
def test_the_doctor_has_a_line_for_it_and_goes_on(pipeline, server, checks):
    settings = pipeline.environment(REDIS_URL=url_of(server), QUEL_BROKER_REDIS_URL="")
    answer = run_quel(settings, "doctor", "--json")
    findings = {finding["check"]: finding for finding in json.loads(answer.stdout)}
    assert answer.returncode == 1
    assert checks <= {check for check, finding in findings.items() if finding["state"] == "trouble"}
    for check in checks:
        assert "QUEL_BROKER_REDIS_URL" in findings[check]["message"]
    assert findings["Gemini"]["state"] == "ok"


def test_one_database_serves_for_everything(world, database_url, tmp_path, pipeline, single):
    """The whole pipeline on it, and whose keys are whose."""
    both = {"DATABASE_URL": database_url, "REDIS_URL": url_of(single)}
    both |= {"QUEL_BROKER_REDIS_URL": url_of(single)}
    studio = Studio(database_url, url_of(single), world.storage)
    workers = pipeline.workers(**both)
    with scheduler(pipeline.environment(**both), tmp_path / "scheduler.log"):
        jobs = [
            studio.job("simple_general", {"prompt": uuid4().hex}, total_images=2, member=studio.member())
            for _ in range(3)
        ]
        for job_id in jobs:
            studio.push(job_id)
        assert {row["job_status"] for row in studio.wait(jobs).values()} == {"completed"}
        until(lambda: studio.redis.exists("quel:sweep:heartbeat"), "a tick was swept")
    settings = pipeline.environment(**both)
    assert run_quel(settings, "dead", "list").returncode == 0
    doctor = run_quel(settings, "doctor", "--json")
    assert doctor.returncode == 0, doctor.stdout
    assert workers.terminate() == 0
    assert {key.split(b":")[0] for key in studio.redis.scan_iter()} == {b"dramatiq", b"quel"}
    studio.redis.close()


def test_a_server_that_is_away_at_the_start_is_waited_for(world, database_url, tmp_path, pipeline):
    server = seated_redis(tmp_path)
    urls = {"REDIS_URL": url_of(server), "QUEL_BROKER_REDIS_URL": ""}
    workers = pipeline.workers(DATABASE_URL=database_url, **urls)
    server.start()
    try:
        studio = Studio(database_url, url_of(server), world.storage)
        job_id = studio.job("simple_general", {"prompt": "x"}, total_images=1, member=studio.member())
        studio.push(job_id)
        assert studio.wait([job_id], timeout_s=60)[job_id]["job_status"] == "completed"
        assert workers.terminate() == 0
        studio.redis.close()
    finally:
        server.dispose()


def test_one_that_comes_up_without_the_database_ends_the_workers_that_waited(tmp_path, pipeline):
    server = seated_redis(tmp_path, *ONE_DATABASE)
    workers = pipeline.workers(processes=2, REDIS_URL=url_of(server), QUEL_BROKER_REDIS_URL="")
    server.start()
    try:
        assert workers.wait(60) == 2
    finally:
        server.dispose()
    assert "quel cannot start: QUEL_BROKER_REDIS_URL" in workers.log.read_text()


def test_a_user_who_may_not_select_has_one_database(single):
    user = f"reader{uuid4().hex}"
    with redis.Redis.from_url(url_of(single)) as client:
        client.acl_setuser(user, enabled=True, passwords=["+p"], keys=["*"], commands=["+@all", "-select"])
    address = f"redis://{user}:p@127.0.0.1:{single.seat.port}"
    check_databases({"REDIS_URL": f"{address}/0"})
    with pytest.raises(SettingsError, match="QUEL_BROKER_REDIS_URL means database 1"):
        check_databases({"QUEL_BROKER_REDIS_URL": f"{address}/1"})


def test_a_server_that_does_not_answer_or_not_now_lacks_nothing(single):
    wrong_password = url_of(single, 1).replace(PASSWORD, "wrong")
    check_databases({"REDIS_URL": NOBODY, "QUEL_BROKER_REDIS_URL": wrong_password})
    with running_redis("lua-time-limit 20", *ONE_DATABASE) as server:
        loop = redis.Redis.from_url(url_of(server), socket_timeout=0.2, retry=None)
        with pytest.raises(redis.TimeoutError):
            loop.eval("while true do end", 0)
        check_databases({"QUEL_BROKER_REDIS_URL": url_of(server, 1)})
        loop.close()
