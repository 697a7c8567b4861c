"""The tables of the reference pages, written from the tables of the code: ``make docs``.

Between ``<!-- table: name -->`` and ``<!-- end -->`` nothing is written by hand.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from shared.domain import codes
from shared.domain.findings import finding as findings
from shared.domain.push import apns, fcm, hms
from shared.domain.push.answers import (
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    Rejected,
    RetryLater,
    Unsendable,
)
from shared.domain.push.reactions import CREDENTIALS_REFUSED
from tests.moderation.examples import EXAMPLES

DOCS = Path(__file__).parents[2] / "docs"
V = TypeVar("V")

ANY = "any"
OTHER = "any other"

STEPS: Mapping[apns.Step, str] = {
    apns.Step.NONE: "",
    apns.Step.NEW_TOKEN: "a new token, and once more; if that is refused too: ",
    apns.Step.KEEP_TOKEN: "no new token for 20 minutes; ",
    apns.Step.RECONNECT: "a new connection; ",
    apns.Step.RECONNECT_AND_SEND: "once more on a new connection; if that is refused too: ",
    apns.Step.OTHER_ENVIRONMENT: "the other environment, if nobody knows which; then: ",
}

_SECTION = re.compile(r"(<!-- table: (\w+) -->\n).*?(\n<!-- end -->)", re.DOTALL)
_FAMILY = re.compile(r"^[1-5]$")


def pages() -> list[Path]:
    """List the pages that have tables of ours."""
    return [page for page in sorted(DOCS.glob("*.md")) if _SECTION.search(read(page))]


def read(page: Path) -> str:
    """Read the text of a page."""
    return page.read_text(encoding="utf-8")


def written(text: str) -> str:
    """Write every table of a page's text anew."""
    return _SECTION.sub(lambda it: f"{it[1]}\n{_table(TABLES[it[2]]())}\n{it[3]}", text)


def missing() -> list[str]:
    """List the tables that stand on no page."""
    names = {it[2] for page in pages() for it in _SECTION.finditer(read(page))}
    return [name for name in TABLES if name not in names]


def _table(rows: Iterable[Sequence[str]]) -> str:
    head, *others = rows
    lines = [head, ["---"] * len(head), *others]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# ---- what we do ----------------------------------------------------------------------------------


def remedy(answer: Answer) -> str:
    """Describe what becomes of a device after this answer."""
    match answer:
        case Accepted():
            return "delivered"
        case AddressGone(as_of=None):
            return "failed; the address is removed, unless the device has another by now"
        case AddressGone():
            return "failed"
        case Rejected():
            return "failed; the address is kept"
        case Misconfigured():
            return "tried again for a minute, then failed; the address is kept; believed of many"
        case Unsendable():
            return "failed; the address is kept; believed of many"
        case RetryLater(_, seconds, ambiguous, of_app=of_app):
            when = (
                f"tried again, after {seconds:.0f} s or what it asks" if seconds else "tried again"
            )
            when += ", like all others of the app" if of_app else ""
            return (
                f"{when}; it may have arrived, so under the same replace key" if ambiguous else when
            )


def _code(answer: Answer) -> str:
    return "" if isinstance(answer, Accepted) else f"`{answer.code}`"


def _http(status: int) -> str:
    if not status:
        return ANY
    return f"{status}xx" if _FAMILY.match(str(status)) else str(status)


# ---- tables --------------------------------------------------------------------------------------


_BY_REASON = "as in Apple's table, without a step; its `credentialsRefused` is `thirdPartyAuth`"


def _of_fcm() -> Iterator[Sequence[str]]:
    said = {
        "": "no code of FCM's",
        "*": OTHER,
        fcm._TOKEN: "the token is named as what is wrong",
        fcm._DEVICES_QUOTA: "a `QuotaFailure` names a device, or its token",
        fcm._PROJECTS_QUOTA: "a `QuotaFailure` names the project, or the app",
    }
    yield "HTTP", "FCM says", "code", "what we do"
    yield "200", "a message name", "", remedy(Accepted())
    yield ANY, "an `ApnsError` with a reason of Apple's", "by the reason", _BY_REASON
    for http, word, answer in fcm.REACTIONS:
        yield _http(http), said.get(word, f"`{word}`"), _code(answer), remedy(answer)


def _of_apns() -> Iterator[Sequence[str]]:
    yield "HTTP", "Apple says", "code", "what we do"
    yield "200", "", "", remedy(Accepted())
    for (http, reason), it in apns.REACTIONS.items():
        yield str(http), f"`{reason}`", _code(it.answer), _apples_deed(http, it)
    for http, it in apns.UNKNOWN_REASONS.items():
        yield _http(http), OTHER, _code(it.answer), _apples_deed(http, it)
    yield ANY, OTHER, _code(apns._ANYTHING_ELSE.answer), remedy(apns._ANYTHING_ELSE.answer)


def _apples_deed(http: int, it: apns.Reaction) -> str:
    if http == 410:
        return "failed; the address is removed, if it was registered before the moment Apple names"
    return STEPS[it.step] + remedy(it.answer)


def _of_huawei() -> Iterator[Sequence[str]]:
    yield "HTTP", "Huawei says", "code", "what we do"
    for code, http, answer in hms.REACTIONS:
        yield _http(http), _huaweis(code), _code(answer), _huaweis_deed(code, answer)


def _huaweis(code: str) -> str:
    said = {"": "no code of Huawei's", "*": OTHER}
    return said.get(code) or (f"`{code}`" if len(code) == 8 else f"`{code}…`")


def _huaweis_deed(code: str, answer: Answer) -> str:
    if answer == hms.PARTLY:
        return (
            "those listed as below; if the list does not say who, halves are sent until it is known"
        )
    alone = (
        ""
        if isinstance(answer, Accepted | RetryLater)
        else "halves are sent until it is known whose; "
    )
    if answer == CREDENTIALS_REFUSED:
        return f"a new token, and once more; if that is refused too: {alone}{remedy(answer)}"
    return alone + remedy(answer)


def _of_huaweis_lists() -> Iterator[Sequence[str]]:
    yield "listed under", "code", "what we do"
    for reason, answer in hms.REASONS.items():
        yield f"`{reason}`" if reason else "no reason", _code(answer), remedy(answer)
    other = hms._REFUSED_FOR_OTHER_REASONS
    yield OTHER, _code(other), remedy(other)


def _of_outcomes() -> Iterator[Sequence[str]]:
    yield "code", "outcome", "what it means", "what to do"
    for code, it in codes.OUTCOMES.items():
        yield f"`{code}`", it.outcome, it.sentence, it.remedy


def _of_failures() -> Iterator[Sequence[str]]:
    yield "code", "what it means"
    for code, sentence in codes.FAILURES.items():
        yield f"`{code}`", sentence


def _of_problems() -> Iterator[Sequence[str]]:
    yield "status", "`code`", "what to do"
    for problem, names in _grouped_rows(codes.PROBLEMS):
        yield str(problem.status), names, problem.remedy


def _of_field_faults() -> Iterator[Sequence[str]]:
    yield "`code`", "the field"
    for fault, names in _grouped_rows(codes.FIELD_FAULTS):
        yield names, fault


def _grouped_rows(table: Mapping[str, V]) -> Iterator[tuple[V, str]]:
    """Merge neighbours with the same problem into one row."""
    for value, rows in groupby(table.items(), key=lambda row: row[1]):
        yield value, ", ".join(f"`{code}`" for code, _ in rows)


def _of_findings(kinds: Mapping[str, findings.Kind]) -> Iterator[Sequence[str]]:
    yield "finding", "severity", "for example", "what the moderator reads"
    for code, kind in kinds.items():
        example = EXAMPLES[code]
        shown = example.text.replace("|", "\\|")
        yield f"`{code}`", kind.severity, shown, example.finding(code).sentence


TABLES: Mapping[str, Callable[[], Iterable[Sequence[str]]]] = {
    "fcm": _of_fcm,
    "apns": _of_apns,
    "huawei": _of_huawei,
    "lists": _of_huaweis_lists,
    "outcomes": _of_outcomes,
    "failures": _of_failures,
    "problems": _of_problems,
    "faults": _of_field_faults,
    "texts": partial(_of_findings, findings.IN_TEXTS),
    "addresses": partial(_of_findings, findings.IN_ADDRESSES),
    "sites": partial(_of_findings, findings.AT_ADDRESSES),
    "threats": partial(_of_findings, findings.ON_THREAT_LISTS),
}


if __name__ == "__main__":
    for page in pages():
        page.write_text(written(read(page)), encoding="utf-8")
