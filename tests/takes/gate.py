"""`python -m tests.takes.gate [TAKES]`: whether the take check is good enough, with counts a class.

Makes the frozen takes (TAKES of each class, all by default), looks at them, and prints a table: found, told
for the right reason, and with a feature switched off that the class needs. Exits 1 below the marks.
"""

import io
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import Pool
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

from quel.adapters.imaging.takes import echo, lines, look, panels
from quel.adapters.imaging.takes.checker import thumbnail
from quel.adapters.imaging.takes.view import Pixels, View
from quel.core import takes
from quel.core.takes import Reason, Signs, faults
from tests.takes import bad, good
from tests.takes.manifest import TAKES_A_CLASS, digest, frozen, make
from tests.takes.take import Take

MEAN_RECALL, LEAST_RECALL, MOST_FALSE, MEDIAN_MS, P95_MS = 0.95, 0.85, 0.02, 25.0, 40.0
REFERENCES_AT_THE_MARK = 4
_ALONE = {make.__name__ for make in good.REPORTED_ALONE}


@dataclass(frozen=True)
class Feature:
    """A part of the check that can be switched off, and the class that needs it."""

    name: str
    needed_by: str
    owner: Any
    attribute: str
    off: Callable[..., Any]


FEATURES = (
    Feature("placements", "echo_mirrored", echo, "_placements", lambda *_: iter(())),
    Feature("key points", "echo_crop", echo, "_affine", lambda *_: None),
    Feature("seen whole", "echo_letterboxed", echo, "_seen_whole", lambda *_: False),
    Feature("put into the place", "put_into_the_place", echo, "_something_was_put_in", lambda *_: False),
    Feature("crisp seams", "split", lines.Lines, "crispness", lambda *_: (0.0, 0.0)),
    Feature("gutters", "panels", panels, "_stripes_between", lambda *_: []),
    Feature("one view goes on", "window", panels, "continues", lambda *_: False),
    Feature("bars", "bars", look, "bars", lambda *_: 0.0),
    Feature("blank", "blank", look, "blank", lambda *_: 0.0),
    Feature("cut off", "cut_off", look, "cut_off", lambda *_: 0.0),
    Feature("double", "double", look, "double", lambda *_: 0.0),
    Feature("near copies", "retouch", takes, "SAME_PICTURE", 1000.0),  # type: ignore[arg-type]
)


@dataclass
class Row:
    """What was seen of one class: `right` takes of `count`, `named` for their own reason."""

    name: str
    reason: Reason | None
    count: int = 0
    right: int = 0
    named: int = 0
    milliseconds: list[tuple[float, int]] = field(default_factory=list)
    without: dict[str, int] = field(default_factory=dict)
    changed: int = 0


def seen(take: Take) -> tuple[Signs, float]:
    """The signs of a take, and milliseconds of CPU; what is read off references once a job is not counted."""
    references = [View(np.asarray(picture)).prepared() for picture in take.references]
    siblings = [View(_thumbnail(picture)) for picture in take.siblings]
    pixels = np.asarray(take.image)
    began_s = time.thread_time()
    signs = look.look(View(pixels), references, siblings, take.aspect_ratio)
    return signs, 1000 * (time.thread_time() - began_s)


def _thumbnail(picture: Image.Image) -> Pixels:
    with Image.open(io.BytesIO(thumbnail(np.asarray(picture)))) as small:
        return np.asarray(small)


def is_right(take: Take, signs: Signs) -> bool:
    """A bad take is found, a good one kept."""
    found = faults(signs, may_stay_near=take.may_stay_near, same_picture=takes.SAME_PICTURE)
    return bool(found) == (take.reason is not None)


def run_class(name: str, most: int = TAKES_A_CLASS) -> Row:
    """Looks at the takes of one class, as they are and with each feature it needs switched off."""
    row = Row(name, None)
    needed = [feature for feature in FEATURES if feature.needed_by == name]
    for seed, sha256 in frozen()[name][:most]:
        take = make(name, seed)
        row.reason = take.reason
        row.changed += digest(take) != sha256
        signs, milliseconds = seen(take)
        row.count += 1
        row.right += is_right(take, signs)
        row.named += take.reason in faults(signs, may_stay_near=take.may_stay_near)
        row.milliseconds.append((milliseconds, len(take.references)))
        for feature in needed:
            with mock.patch.object(feature.owner, feature.attribute, feature.off):
                right = is_right(take, seen(take)[0])
            row.without[feature.name] = row.without.get(feature.name, 0) + right
    return row


def problems(rows: list[Row]) -> list[str]:
    """Every mark that is missed, as a sentence."""
    found = [row for row in rows if row.reason is not None]
    kept = [row for row in rows if row.reason is None and row.name not in _ALONE]
    recalls = {row.name: row.right / row.count for row in found}
    false, of = sum(row.count - row.right for row in kept), sum(row.count for row in kept)
    times = [
        ms for row in rows for ms, references in row.milliseconds if references == REFERENCES_AT_THE_MARK
    ]
    told = [f"{row.name}: {row.changed} takes are not those of the manifest." for row in rows if row.changed]
    if np.mean(list(recalls.values())) < MEAN_RECALL:
        told.append(f"The classes' mean recall is {np.mean(list(recalls.values())):.1%}.")
    told += [f"{name}: only {recall:.1%} found." for name, recall in recalls.items() if recall < LEAST_RECALL]
    if false > MOST_FALSE * of:
        told.append(f"{false} of {of} good takes are called bad.")
    if np.median(times) > MEDIAN_MS or np.percentile(times, 95) > P95_MS:
        told.append(f"Looking takes {np.median(times):.1f} ms, p95 {np.percentile(times, 95):.1f} ms.")
    told += [
        f"{row.name} does not need {name}: {right} of {row.count} without it, {row.right} with it."
        for row in rows
        for name, right in row.without.items()
        if right >= row.right
    ]
    return told


def table(rows: list[Row]) -> str:
    """Counts a class, as a Markdown table, and the sums."""
    said = ["| class | right | for its own reason | without a feature |", "|---|---|---|---|"]
    for row in rows:
        without = ", ".join(f"{name}: {right}" for name, right in row.without.items())
        named = f"{row.named}/{row.count}" if row.reason else "–"
        said.append(f"| {row.name} | {row.right}/{row.count} | {named} | {without} |")
    found = [row for row in rows if row.reason]
    kept = [row for row in rows if not row.reason and row.name not in _ALONE]
    recalls = [row.right / row.count for row in found]
    times = np.array([ms for row in rows for ms, _ in row.milliseconds])
    four = np.array([ms for row in rows for ms, n in row.milliseconds if n == REFERENCES_AT_THE_MARK])
    said += [
        "",
        f"Bad takes: {sum(r.right for r in found)} of {sum(r.count for r in found)} found, mean of the"
        f" classes' recalls {np.mean(recalls):.1%}, the least {min(recalls):.1%}.",
        f"Good takes: {sum(r.count - r.right for r in kept)} of {sum(r.count for r in kept)} called bad.",
        f"CPU: median {np.median(times):.1f} ms, p95 {np.percentile(times, 95):.1f}; with four references"
        f" {np.median(four):.1f} and {np.percentile(four, 95):.1f} ({len(four)} takes).",
    ]
    return "\n".join(said)


def _run(job: tuple[str, int]) -> Row:
    return run_class(*job)


def main() -> int:
    """Prints table and problems; 1 where there is one."""
    most = int(sys.argv[1]) if len(sys.argv) > 1 else TAKES_A_CLASS
    names = [make.__name__ for make in (*bad.CLASSES, *good.CLASSES)]
    with ExitStack() as stack:
        pool = stack.enter_context(Pool(2))
        rows = pool.map(_run, [(name, most) for name in names], chunksize=1)
    print(table(rows))
    for problem in problems(rows):
        print(problem)
    return bool(problems(rows))


if __name__ == "__main__":
    sys.exit(main())
