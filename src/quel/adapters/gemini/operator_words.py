"""Tells from the provider's words what an operator has to mend, and waiting alone never will.

The table is ordered: the first row that fits decides. What fits none is an ordinary limit or refusal. The
phrases are those of the Gemini API, and of gateways that speak for it, as people report them.
"""

import re
from typing import Any

from quel.adapters.gemini.wire import dicts
from quel.core.operator_fault import OperatorFault

_FAULTS: tuple[tuple[OperatorFault, frozenset[int], re.Pattern[str]], ...] = tuple(
    (fault, frozenset(statuses), re.compile(words, re.IGNORECASE | re.DOTALL))
    for fault, statuses, words in (
        (OperatorFault.REQUEST_FORMAT, {400}, r"unknown name\b.{0,300}?cannot find field"),
        (OperatorFault.NO_QUOTA, {429}, r"\b(limit|quota ?value)\W{1,4}((is|of) )?0(?:\.0+)?(?![\d.]*\d)"),
        (
            OperatorFault.SPENDING_CAP,
            {402, 429},
            r"\bspend(ing)?[- ](cap|limit|budget)"
            r"|\b(billing|monthly|project) (hard )?(budget|cap)\b"
            r"|\bhard[- ]limit\b",
        ),
        (
            OperatorFault.CREDITS_DEPLETED,
            {402, 429},
            r"\b(credits?|prepayments?|prepaid|balance|funds)\b[^.]{0,60}"
            r"\b(depleted|exhausted|used up|run out|ran out|insufficient|too low|empty|expired)"
            r"|\b(insufficient|not enough|out of|no( more| remaining)?|depleted|exhausted) "
            r"(\w+ )?(credits?|prepayments?|balance|funds)\b",
        ),
        (
            OperatorFault.BILLING_INACTIVE,
            {402, 429},
            r"\bbilling\b[^.]{0,60}"
            r"\b(disabled|closed|inactive|suspended|past due|delinquent|required"
            r"|not (been )?(enabled|active|open|configured|set up|found|linked))"
            r"|\bpayments?\b[^.]{0,40}\b(failed|declined|required|past due|overdue)",
        ),
    )
)

_KEY = re.compile(
    r"\bapi[ _-]?key\b[^.]{0,60}"
    r"\b(not valid|invalid|expired|not found|missing|revoked|disabled|deleted|leaked|renew)"
    r"|\b(invalid|unknown|missing|expired|valid) api[ _-]?key\b",
    re.IGNORECASE,
)


def told_fault(status: int, error: dict[str, Any]) -> OperatorFault | None:
    """The fault that an error answer of `status` tells, None where it tells none."""
    said = _said(error)
    found = (fault for fault, statuses, words in _FAULTS if status in statuses and words.search(said))
    return next(found, OperatorFault.BILLING_INACTIVE if status == 402 else None)


def tells_of_key(error: dict[str, Any]) -> bool:
    """Whether the words speak of a key that is no good, where no ErrorInfo says so."""
    return _KEY.search(_said(error)) is not None


def _said(error: dict[str, Any]) -> str:
    """Everything an error says in words: message, reasons, and what its details describe."""
    said = [error.get("message"), error.get("status"), error.get("code"), error.get("type")]
    for detail in dicts(error.get("details")):
        said += [detail.get("reason"), detail.get("detail")]
        for metadata in dicts(detail.get("metadata")):
            said.append(f"quotaValue: {metadata.get('quota_limit_value')}")
        for violation in [*dicts(detail.get("fieldViolations")), *dicts(detail.get("violations"))]:
            said += [violation.get("description"), f"quotaValue: {violation.get('quotaValue')}"]
    words = " \n ".join(text[:20_000] for text in said if isinstance(text, str))
    return re.sub(r"(?<=[A-Z])_(?=[A-Z])", " ", words)  # BILLING_DISABLED reads as words, too
