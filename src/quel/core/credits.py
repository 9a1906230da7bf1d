"""Who pays for a job, whether they can, and what the ledger says of an image.

Nothing is charged here: credits are held in adapters/postgres/held_credits.py and charged where the image is
delivered, in adapters/postgres/persist_output.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from quel.core.engines import COMFYUI, GEMINI

MAX_BALANCE_AFTER = 2_147_483_647
"""The ledger's balance_after is a 32-bit integer; balances are 64-bit (SPEC 6)."""

TRANSACTION_TYPE = "DEDUCT"
API_PROVIDERS = {GEMINI: "gemini-banana", COMFYUI: "comfyui"}
"""What the ledger calls each engine; whatever counts quel's charges counts all of them."""

DESCRIPTION = "Generated image {number} ({path})"


class PayerKind(StrEnum):
    """Whose balance pays."""

    ORGANIZATION = "organization"
    MEMBER = "member"


@dataclass(frozen=True)
class Organization:
    """An organization's row, as far as paying goes; `credits` may exceed 32 bits."""

    org_id: UUID
    status: str
    credits: int
    owner_id: UUID

    @property
    def is_active(self) -> bool:
        """Whether it pays for its jobs."""
        return self.status == "active"


@dataclass(frozen=True)
class Payer:
    """The account that pays, its balance when the job was fetched, and the member the ledger names."""

    kind: PayerKind
    account_id: UUID
    balance: int
    ledger_member_id: UUID


@dataclass(frozen=True)
class NoPayer:
    """Why nobody can pay: a sentence for the customer."""

    reason: str


def choose_payer(
    organization: Organization | None,
    member_id: UUID | None,
    user_id: UUID | None,
    members: Mapping[UUID, int],
) -> Payer | NoPayer:
    """The organization when it is active, else the member (`member_id`, else `user_id`).

    `members` maps the members that have a row to their credits. The ledger must name a member that
    exists: an organization's job falls back to its owner.
    """
    member = member_id or user_id
    if organization is not None and organization.is_active:
        for ledger_member in (member, organization.owner_id):
            if ledger_member is not None and ledger_member in members:
                return Payer(PayerKind.ORGANIZATION, organization.org_id, organization.credits, ledger_member)
        return NoPayer(
            "This job's member has no account, and neither has the owner of its organization:"
            " the credits cannot be booked to anybody."
        )
    if member is None:
        return NoPayer("This job names no member and no active organization that could pay for it.")
    if member not in members:
        return NoPayer("This job's member has no account, so nobody can pay for it.")
    return Payer(PayerKind.MEMBER, member, members[member], member)


def cannot_afford(payer: Payer, images: int, price: int, *, held: int = 0) -> str | None:
    """Why `payer` cannot pay `images` × `price` credits, or None when it can.

    `held` are the credits that its other open jobs may still cost (SPEC 6): they are promised already.
    """
    needed = images * price
    if needed == 0 or payer.balance >= needed + held:
        return None
    promised = f", of which {held} are held for images that are under way" if held else ""
    return (
        f"Not enough credits: {images} {_plural(images, 'image')} at {price} credits each cost"
        f" {needed} credits, but the {payer.kind}'s balance is {payer.balance} credits{promised}."
    )


def account_gone(kind: PayerKind) -> str:
    """Why a job cannot go on whose payer was chosen when it was claimed."""
    why = "is not active any more" if kind is PayerKind.ORGANIZATION else "has no account any more"
    return f"The {kind} that pays for this job {why}."


def ran_dry(kind: PayerKind, price: int) -> str:
    """The reason of images that could no longer be paid for."""
    return f"The {kind}'s balance ran out of credits: it no longer covers the {price} credits of an image."


def ledger_description(image_no: int, path: str, wording: str = DESCRIPTION) -> str:
    """What the ledger row says of an image; `wording` is that of another kind of image."""
    return wording.format(number=image_no + 1, path=path)


def _plural(count: int, noun: str) -> str:
    return noun if count == 1 else noun + "s"
