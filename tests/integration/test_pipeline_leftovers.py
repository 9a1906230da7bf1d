"""What an ended job leaves behind is cleared away, also when a worker died before it had done so."""

from quel.adapters.redis.blobs import Blobs
from quel.core.outcome import PictureBytes
from tests.integration.harness import Pipeline

ANY_PICTURE = PictureBytes(b"an answer nobody needs", "image/png")


def test_a_finalize_message_that_comes_back_clears_away_what_is_left(pipeline: Pipeline) -> None:
    studio = pipeline.studio
    pipeline.workers(threads=2)
    asked = {
        "prompt": "a lamp",
        "uploadedAttachIds": [{"attachId": studio.photograph("brick.png"), "type": "none"}],
    }
    job = studio.job("simple_general", asked, total_images=2, member=studio.member())
    studio.push(job)
    studio.wait([job])
    pipeline.send("finalize_job", str(job))  # the job's own may still be at it
    assert studio.redis.keys("quel:blob:*") == []
    blobs = Blobs(studio.redis, budget_bytes=1_000_000)
    blobs.put_output(job, 1, ANY_PICTURE)
    [stored] = studio.rows("SELECT request -> 'picture_keys' ->> 0 AS key FROM quel.image WHERE image_no = 0")
    assert blobs.put_input(job, stored["key"].rpartition(":")[2], ANY_PICTURE) == stored["key"]
    seen = [
        blobs.exchange_thumbnails(job, item, number, look)
        for item, number, look in (("0.0", 0, b"a"), ("0.0", 1, b"b"), ("0.1", 0, b"c"), ("0.0", 1, b"d"))
    ]
    assert seen == [[], [b"a"], [], [b"a"]]
    pipeline.send("finalize_job", str(job))
    assert studio.redis.keys("quel:blob:*") + studio.redis.keys("quel:takes:*") == []
    sums = studio.redis.mget("quel:blobs:in:bytes", "quel:blobs:out:bytes")
    assert [int(one or 0) for one in sums] == [0, 0]


def test_an_open_job_keeps_what_it_needs(pipeline: Pipeline) -> None:
    studio = pipeline.studio
    job = studio.job("simple_general", {"prompt": "a lamp"}, total_images=1, member=studio.member())
    pipeline.workers("fetch_job", "prepare_inputs", "finalize_job", threads=2)
    studio.push(job)
    pipeline.send("fetch_job", str(job))
    blobs = Blobs(studio.redis, budget_bytes=1_000_000)
    blobs.put_output(job, 0, ANY_PICTURE)
    pipeline.send("finalize_job", str(job))
    assert blobs.output(job, 0) == ANY_PICTURE
