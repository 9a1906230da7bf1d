"""The rows of generate_image, in memory: whose turn it is."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from quel.adapters.postgres.claim_image import LEASE_S
from quel.adapters.postgres.image_state import (
    CLAIM,
    FAIL_TO_GENERATE,
    FAIL_UNPAYABLE,
    MAKE,
    PREPARE_AGAIN,
    REROUTE,
    TRY_AGAIN,
    TURN_DOWN,
)
from quel.core.credits import ran_dry
from quel.core.engines import GEMINI_MAKER, Maker
from quel.core.generate_image import ClaimedImage, InsufficientCredits, Progress, ReroutedImage, Unpayable
from quel.core.job import JobStatus
from quel.core.open_paths import EveryPath, OpenPaths, PathLimit
from quel.core.pipeline import SUSPECT_STARTS, ImageState
from quel.core.series import may_begin
from quel.core.submission import Submission
from quel.core.takes import Retake, TakeRules, TurnedDown, retake
from quel.sandbox.memory.accounts import balance, count_progress, on_their_way
from quel.sandbox.memory.image_moves import move
from quel.sandbox.memory.tables import PipelineImage, Tables

CREDITS_MAY_COME_BACK_S = 3.0


class GenerateImageRows:
    """As quel.adapters.postgres.generate_image has them."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def claim(
        self, lease: str, open_paths: OpenPaths, maker: Maker = GEMINI_MAKER
    ) -> ClaimedImage | Unpayable | None:
        """Leases the image with the lowest turn number that may go; Unpayable puts it back for a moment."""
        waiting = [image for image in self._due(maker) if self._may_go(image, open_paths)]
        if not waiting:
            return None
        image = min(waiting, key=lambda image: (image.turn, image.job_id, image.image_no))
        if (unpayable := self._unpayable(image)) is not None:
            return unpayable
        clock = self._tables.clock
        move(
            image,
            CLAIM,
            clock,
            lease_owner=lease,
            lease_until=clock.after(LEASE_S),
            starts=image.starts + 1,
        )
        return self._claimed(image, lease)

    def note_submission(self, claimed: ClaimedImage, submission: Submission) -> bool:
        """Writes down what is about to be handed to a server; False when the lease was lost meanwhile."""
        image = self._image(claimed)
        if image.state is not ImageState.GENERATING or image.lease_owner != claimed.lease:
            return False
        image.submission = submission
        return True

    def fail_unpayable(self, unpayable: Unpayable) -> InsufficientCredits | None:
        """Fails the job's images that nothing was spent on yet; None where the payer can pay by now."""
        if self._tables.status(unpayable.job_id) is not JobStatus.PROCESSING:
            return None
        job = self._tables.pipeline_jobs[unpayable.job_id]
        if (balance(self._tables, job.payer_kind, job.payer_id, active=True) or 0) >= job.price:
            return None
        reason = ran_dry(job.payer_kind, job.price)
        failed = sum(
            move(image, FAIL_UNPAYABLE, self._tables.clock, reason_code="ran_dry", reason=reason)
            for image in self._tables.images_of(unpayable.job_id)
            if not image.is_free
        )
        progress = count_progress(self._tables, unpayable.job_id, stage=0) if failed else None
        return None if progress is None else InsufficientCredits(progress, failed, reason)

    def mark_made(self, claimed: ClaimedImage, cost_usd: float) -> bool:
        """The picture is kept; False when nobody wants it any more. The cost of a call counts once."""
        image = self._image(claimed)
        _note_cost(image, claimed, cost_usd)
        return move(image, MAKE, self._tables.clock, cost_usd=image.cost_usd, submission=_paid(image))

    def mark_given(self, job_id: UUID, image_no: int) -> bool:
        """The same of an image that is the customer's own picture, which no call is made for."""
        image = self._tables.images[job_id, image_no]
        return move(image, MAKE, self._tables.clock, cost_usd=image.cost_usd or 0.0, submission=_paid(image))

    def reschedule(self, claimed: ClaimedImage, *, delay_s: float, attempts: int, broken: int) -> bool:
        """Lets go of the image for later."""
        clock = self._tables.clock
        return move(
            self._image(claimed),
            TRY_AGAIN,
            clock,
            lease=claimed.lease,
            attempts=attempts,
            broken_answers=broken,
            not_before=clock.after(delay_s),
        )

    def prepare_again(self, claimed: ClaimedImage) -> None:
        """Sends the waiting images of the whole job back to be prepared."""
        for image in self._tables.images_of(claimed.job_id):
            move(image, PREPARE_AGAIN, self._tables.clock, lease=claimed.lease)

    def turn_down(
        self, claimed: ClaimedImage, take: TurnedDown, *, cost_usd: float, rules: TakeRules
    ) -> bool | None:
        """Has the image made again; False without a re-roll left, None when the lease was lost."""
        images, image = self._tables.images_of(claimed.job_id), self._image(claimed)
        if sum(each.rerolls for each in images) >= rules.rerolls_of_job(len(images)):
            return False
        _note_cost(image, claimed, cost_usd)
        moved = move(
            image,
            TURN_DOWN,
            self._tables.clock,
            lease=claimed.lease,
            rerolls=image.rerolls + 1,
            turned_down=take,
            submission=image.submission and replace(image.submission, ended=True, spent_usd=0.0),
            cost_usd=image.cost_usd,
            not_before=self._tables.clock.now,
        )
        return moved or None

    def fail(
        self,
        claimed: ClaimedImage,
        *,
        code: str,
        reason: str,
        attempts: int,
        broken: int,
        cost_usd: float = 0.0,
    ) -> Progress | None:
        """Ends the image as failed; None when the lease was lost meanwhile."""
        image = self._image(claimed)
        if cost_usd or image.state is ImageState.GENERATING:
            _note_cost(image, claimed, cost_usd)
        moved = move(
            image,
            FAIL_TO_GENERATE,
            self._tables.clock,
            lease=claimed.lease,
            reason_code=code,
            reason=reason,
            attempts=attempts,
            broken_answers=broken,
            cost_usd=image.cost_usd,
            submission=_paid(image),
        )
        return count_progress(self._tables, claimed.job_id, claimed.stage) if moved else None

    def renew(self, leases: Sequence[str]) -> None:
        """Prolongs leases that are still held."""
        for image in self._tables.in_state(ImageState.GENERATING):
            if image.lease_owner in leases:
                image.lease_until = self._tables.clock.after(LEASE_S)

    def reroute(self, maker: Maker, out_s: float) -> list[ReroutedImage]:
        """Hands waiting images to their route's fallback whose time for that has come; each image once."""
        found = []
        for image in list(self._tables.in_state(ImageState.READY)):
            route = self._tables.pipeline_jobs[image.job_id].plan.route
            is_free = image.submission is None or image.submission.ended
            if image.maker != maker or image.rerouted or not is_free or route.fallback is None:
                continue
            if route.fallback_after_s > out_s:
                continue
            to = route.fallback
            move(image, REROUTE, self._tables.clock, engine=to.engine, workflow=to.workflow, rerouted=True)
            found.append(ReroutedImage(image.job_id, image.image_no, image.path, to))
        return found

    def due(self, most: int, maker: Maker = GEMINI_MAKER) -> int:
        """How many of the maker's images could go at this moment but for quota and limits, up to `most`."""
        return min(most, len(self._due(maker)))

    def next_due_in_s(self, open_paths: OpenPaths) -> float | None:
        """In how many seconds the next image of an open path could go, None where none waits."""
        ready = list(self._tables.in_state(ImageState.READY))
        may_go = [image for image in ready if self._may_go(image, open_paths) and self._is_its_turn(image)]
        moments = [image.not_before for image in may_go]
        return max(0.0, -self._tables.clock.since(min(moments))) if moments else None

    def _due(self, maker: Maker) -> list[PipelineImage]:
        now, ready = self._tables.clock.now, list(self._tables.in_state(ImageState.READY))
        due = [image for image in ready if image.maker == maker and image.not_before <= now]
        return [image for image in due if self._is_its_turn(image)]

    def _is_its_turn(self, image: PipelineImage) -> bool:
        series = self._tables.series_of(image)
        return may_begin(image.image_no, [(one.image_no, one.state) for one in series])

    def _lead(self, image: PipelineImage) -> int | None:
        stored = [one.attach_id for one in self._tables.series_of(image) if one.state is ImageState.STORED]
        return min(filter(None, stored), default=None)

    def _may_go(self, image: PipelineImage, open_paths: OpenPaths) -> bool:
        if image.starts >= SUSPECT_STARTS and self._is_suspect_under_way():
            return False
        if isinstance(open_paths, EveryPath):
            return True
        return any(limit.path == image.path and self._has_room(limit) for limit in open_paths.limits)

    def _is_suspect_under_way(self) -> bool:
        now = self._tables.clock.now
        return any(
            image.starts > SUSPECT_STARTS and image.lease_until is not None and image.lease_until > now
            for image in self._tables.in_state(ImageState.GENERATING)
        )

    def _has_room(self, limit: PathLimit) -> bool:
        now = self._tables.clock.now
        running = sum(
            image.path == limit.path and image.lease_until is not None and image.lease_until > now
            for image in self._tables.in_state(ImageState.GENERATING)
        )
        return limit.most is None or limit.most > running

    def _unpayable(self, image: PipelineImage) -> Unpayable | None:
        """Has the image and the payer's others wait where the payer cannot pay for it."""
        job, clock = self._tables.pipeline_jobs[image.job_id], self._tables.clock
        if self._tables.status(image.job_id) is not JobStatus.PROCESSING or job.price == 0 or image.is_free:
            return None
        credits = balance(self._tables, job.payer_kind, job.payer_id) or 0
        if credits >= on_their_way(self._tables, image) + job.price:
            return None
        later = clock.after(CREDITS_MAY_COME_BACK_S)
        for other in self._tables.in_state(ImageState.READY):
            payer = self._tables.pipeline_jobs[other.job_id]
            if not other.is_free and (payer.payer_kind, payer.payer_id) == (job.payer_kind, job.payer_id):
                other.not_before = max(other.not_before, later)
        return Unpayable(image.job_id, image.image_no, image.path, is_dry=credits < job.price)

    def _image(self, claimed: ClaimedImage) -> PipelineImage:
        return self._tables.images[claimed.job_id, claimed.image_no]

    def _claimed(self, image: PipelineImage, lease: str) -> ClaimedImage:
        request = image.request
        if request is None:
            raise TypeError(f"Image {image.image_no} is ready without a request.")
        planned = Retake(request.prompt, request.seed)
        asked = retake(
            image.job_id,
            image.image_no,
            planned,
            image.rerolls,
            image.turned_down,
            may_stay_near=request.may_stay_near,
        )
        return ClaimedImage(
            job_id=image.job_id,
            image_no=image.image_no,
            path=image.path,
            stage=image.stage,
            job_status=self._tables.jobs[image.job_id].job_status,
            prompt=asked.prompt,
            picture_keys=request.picture_keys,
            labels=request.labels,
            image_size=request.image_size,
            aspect_ratio=request.aspect_ratio,
            seed=asked.seed,
            attempts=image.attempts,
            broken_answers=image.broken_answers,
            lease=lease,
            negative_prompt=request.negative_prompt,
            roles=request.roles,
            submission=image.submission,
            starts=image.starts,
            item=image.item,
            may_stay_near=request.may_stay_near,
            rerolls=image.rerolls,
            turned_down=image.turned_down,
            series=image.series,
            lead=self._lead(image) if request.takes_lead else None,
            temperature=request.temperature,
            as_given=request.as_given,
            model=request.model,
            steps=request.steps,
            cfg=request.cfg,
        )


def _note_cost(image: PipelineImage, claimed: ClaimedImage, cost_usd: float) -> None:
    note = {"call": claimed.lease}
    if note not in image.history:
        image.cost_usd = (image.cost_usd or 0.0) + cost_usd
        image.history.append(note)


def _paid(image: PipelineImage) -> Submission | None:
    return image.submission and replace(image.submission, spent_usd=0.0)
