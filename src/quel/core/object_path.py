"""A finished image's place in the bucket, its `result_path`: the same run at an image always has the same.

Storing an image twice therefore replaces the object instead of leaving a second one behind. One that is
planned again after it had ended is another run: a deletion that was meant for the run before and comes late,
from a worker that stood still, cannot hit what was delivered since.
"""

import re
from uuid import UUID

OBJECT_NAME = "generated-images/user-{owner}/generated_{job_id}_{image_no:03d}.webp"

_MAX_USER_LENGTH = 64  # a UUID has 36 characters; the whole path stays far below the 1,024 of an object key


def result_path(
    user_id: str | None,
    member_id: object,
    job_id: UUID | str,
    image_no: int,
    run: int = 0,
    *,
    degrees: int | None = None,
    name: str = OBJECT_NAME,
) -> str:
    """`generated-images/user-{owner}/generated_{job_id}_{image_no}.webp`, relative to the bucket.

    From the second run on `-{run}` follows the number of the image. `name` is that of another kind of image,
    which may name `degrees` as well. `owner` keeps only letters, digits, `_` and `-` of user_id (SPEC 1.5);
    where nothing is left it is `member_id` (a UUID, text or None), else `unknown`. `image_no` counts from 0.
    Raises ValueError where job_id is no UUID.
    """
    owner = result_owner(user_id, member_id) or "unknown"
    path = name.format(owner=owner, job_id=UUID(str(job_id)), image_no=image_no, degrees=degrees)
    return f"{path.removesuffix('.webp')}-{run}.webp" if run else path


def result_owner(user_id: str | None, member_id: object) -> str:
    """What of `user_id` a path can hold, else the same of `member_id`; empty where neither holds anything."""
    return _usable(user_id) or _usable(member_id)


def _usable(raw_id: object) -> str:
    if raw_id is None:
        return ""
    return re.sub(r"[^A-Za-z0-9_-]", "", str(raw_id))[:_MAX_USER_LENGTH]
