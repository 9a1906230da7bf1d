import json
import time
import urllib.error
import urllib.request
from typing import Any

import redis
from prometheus_client.parser import text_string_to_metric_families

from quel.adapters.redis.sweep_heartbeat import SweepHeartbeat
from quel.sandbox.servers.ports import free_port
from tests.integration.harness import Pipeline, until


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def checks(port: int, path: str) -> dict[str, bool]:
    return {line["check"]: line["ok"] for line in map(json.loads, get(port, path)[1].splitlines())}


def scrape(port: int) -> dict[tuple[str, ...], float]:
    """Sample values by name and label values, in the labels' alphabetical order."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(get(port, "/metrics")[1])
        for sample in family.samples
    }


def order(pipeline: Pipeline, images: int) -> Any:
    prompt = {"prompt": "a lighthouse at dusk", "aspect-ratio": "1:1"}
    member = pipeline.studio.member()
    return pipeline.studio.job("simple_general", prompt, total_images=images, member=member)


def test_one_port_tells_the_sum_over_all_processes_of_a_command(pipeline: Pipeline) -> None:
    pipeline.serve().kill()  # the API, loaded first, must not decide for the workers whom they count for
    port = free_port()
    workers = pipeline.workers(processes=2, threads=4, QUEL_HTTP_PORT=port)
    jobs = [order(pipeline, images=3) for _ in range(4)]
    pipeline.studio.push(*jobs)
    pipeline.studio.wait(jobs)
    until(lambda: scrape(port)["quel_jobs_total", "completed", "fashion"] == 4, "all jobs counted")
    counted = scrape(port)
    assert counted["quel_images_total", "stored", "fashion", ""] == 12
    assert counted["quel_credits_taken_total", "fashion"] == 60
    assert round(counted["quel_provider_cost_dollars_total", "gemini", "fashion"], 4) == round(12 * 0.0336, 4)
    assert counted["quel_provider_calls_total", "", "gemini", "fashion", "made"] == 12
    assert counted["quel_stage_duration_seconds_count", "persist_output", "fashion"] == 12
    assert counted["quel_worker_threads", "wanted"] == counted["quel_worker_threads", "alive"] == 8
    assert counted["quel_jobs_received_total", "jobs:queue"] == 4
    log = workers.log.read_text()
    assert log.count("http.port_opened") == log.count("http.port_taken") == 1
    assert len([check for check in checks(port, "/livez") if check.startswith("process ")]) == 2
    assert workers.terminate() == 0


def test_what_waits_is_told_from_rows_and_lists(pipeline: Pipeline) -> None:
    port = free_port()
    waiting = order(pipeline, images=1)
    pipeline.studio.redis.lpush("quel:ingest:rejected", "{}")
    SweepHeartbeat(pipeline.studio.redis).beat()
    pipeline.workers("sweep_stuck_jobs", threads=1, QUEL_HTTP_PORT=port)
    pipeline.studio.push(waiting)
    until(lambda: scrape(port).get(("quel_raw_list_entries", "jobs:queue")) == 1, "a look at the lists")
    told = scrape(port)
    assert told["quel_open_jobs", "fashion", "pending"] == 1
    assert told["quel_oldest_open_job_age_seconds", "fashion", "pending"] > 0
    assert told["quel_open_jobs", "beauty", "pending"] == 0
    assert told[("quel_rejected_entries",)] == 1
    assert time.time() - told[("quel_sweep_last_run_timestamp_seconds",)] < 120
    assert told["quel_neighbour_up", "postgresql"] == told["quel_neighbour_up", "redis"] == 1


def test_a_group_that_does_not_sweep_leaves_the_backlog_to_the_one_that_does(pipeline: Pipeline) -> None:
    port = free_port()
    pipeline.workers("persist_output", threads=1, QUEL_HTTP_PORT=port)
    assert until(lambda: scrape(port).get(("quel_worker_threads", "alive")), "the first notes") == 1
    assert ("quel_neighbour_up", "redis") not in scrape(port)
    assert checks(port, "/readyz") == {"postgresql": True, "redis": True, "broker": True}


def test_an_outage_makes_a_worker_unready_but_not_dead(pipeline: Pipeline) -> None:
    port = free_port()
    unreachable = f"postgresql://quel:quel@127.0.0.1:{free_port()}/quel"
    pipeline.workers("finalize_job", threads=1, QUEL_HTTP_PORT=port, DATABASE_URL=unreachable)
    status, _ = get(port, "/readyz")
    assert status == 503
    assert checks(port, "/readyz") == {"postgresql": False, "redis": True, "broker": True}
    assert get(port, "/livez")[0] == 200


def test_without_a_port_set_nothing_is_opened_and_the_work_is_done(pipeline: Pipeline) -> None:
    workers = pipeline.workers(threads=4)
    job = order(pipeline, images=1)
    pipeline.studio.push(job)
    assert pipeline.studio.wait([job])[job]["job_status"] == "completed"
    assert "http.port" not in workers.log.read_text()


def test_a_port_that_is_taken_stops_nothing(pipeline: Pipeline) -> None:
    port = free_port()
    pipeline.workers("finalize_job", threads=1, QUEL_HTTP_PORT=port)
    second = pipeline.workers(threads=4, QUEL_HTTP_PORT=port)
    job = order(pipeline, images=1)
    pipeline.studio.push(job)
    assert pipeline.studio.wait([job])[job]["job_status"] == "completed"
    assert "http.port_taken" in second.log.read_text()


def test_the_scheduler_has_a_port_and_ends_on_sigterm(pipeline: Pipeline) -> None:
    port = free_port()
    scheduler = pipeline.scheduler(QUEL_HTTP_PORT=port)
    until(lambda: get(port, "/livez")[0] == 200, "the scheduler's first tick")
    assert checks(port, "/livez") == {"scheduler": True}
    assert checks(port, "/readyz") == {"broker": True}
    ticked_at = scrape(port)["quel_scheduler_last_tick_timestamp_seconds", "sweep_stuck_jobs"]
    assert time.time() - ticked_at < 120
    assert scheduler.terminate() == 0


def test_a_sweep_leaves_a_heartbeat_that_does_not_stay_for_ever(pipeline: Pipeline) -> None:
    heartbeat = SweepHeartbeat(redis.Redis.from_url(pipeline.redis_url))
    assert heartbeat.last_at() is None
    pipeline.workers("sweep_stuck_jobs", threads=1)
    pipeline.scheduler()
    assert until(heartbeat.last_at, "a sweep") > time.time() - 120
    assert 0 < pipeline.studio.redis.ttl("quel:sweep:heartbeat") <= 24 * 3600


def test_a_message_that_was_given_up_is_counted_and_told(pipeline: Pipeline) -> None:
    port = free_port()
    workers = pipeline.workers("finalize_job", threads=1, QUEL_HTTP_PORT=port)
    broker = redis.Redis.from_url(pipeline.broker_redis_url)
    message = {
        "queue_name": "finalize_job", "actor_name": "an_actor_of_old", "args": [], "kwargs": {},
        "options": {"redis_message_id": "1"}, "message_id": "1", "message_timestamp": 0,
    }  # fmt: skip
    broker.hset("dramatiq:finalize_job.msgs", "1", json.dumps(message))
    broker.rpush("dramatiq:finalize_job", "1")
    until(lambda: scrape(port).get(("quel_dead_letters_total", "an_actor_of_old")) == 1, "a dead letter")
    until(lambda: "actor.message_dead" in workers.log.read_text(), "the event is written")
