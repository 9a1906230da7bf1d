"""Where a finished image lives in the bucket: the same image always has the same path.

Storing an image twice therefore replaces the object instead of leaving a second one behind.
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
    *,
    degrees: int | None = None,
    name: str = OBJECT_NAME,
) -> str:
    """`generated-images/user-{owner}/generated_{job_id}_{image_no}.webp`, relative to the bucket.

    `name` is that of another kind of image, which may name `degrees` as well. `owner` keeps only letters,
    digits, `_` and `-` of user_id (SPEC 1.5); where nothing is left it is `member_id` (a UUID, text or None),
    else `unknown`. `image_no` counts from 0. Raises ValueError where job_id is no UUID.
    """
    owner = result_owner(user_id, member_id) or "unknown"
    return name.format(owner=owner, job_id=UUID(str(job_id)), image_no=image_no, degrees=degrees)


def result_owner(user_id: str | None, member_id: object) -> str:
    """What of `user_id` a path can hold, else the same of `member_id`; empty where neither holds anything."""
    return _usable(user_id) or _usable(member_id)


def _usable(raw_id: object) -> str:
    if raw_id is None:
        return ""
    return re.sub(r"[^A-Za-z0-9_-]", "", str(raw_id))[:_MAX_USER_LENGTH]
