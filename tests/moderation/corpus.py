"""The labelled corpus: what a person who knows the trade would say of each text and link."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.domain.findings.link import link_findings
from shared.domain.findings.text import text_findings

PATH = Path(__file__).with_name("corpus.tsv")
VERIFIED = ("news.aurora.example", "shop.borealis.example", "xn--e1aybc.xn--p1ai")
NEUTRAL = frozenset(
    {
        *("foreignHost", "foreignImageHost", "internationalHost"),
        *("deepLink", "undeclaredScheme", "systemScheme", "carriedAddress"),
    }
)
"""Told of every such address, good or bad: no alarm."""

_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|([n\\]))")


@dataclass(frozen=True, slots=True)
class Case:
    """One line. ``codes`` are those expected, without neutral ones."""

    line: int
    bad: bool
    field: str
    codes: frozenset[str]
    content: str

    @property
    def expected_codes(self) -> frozenset[str]:
        """Codes that the rules find."""
        rule = link_findings if self.field in ("url", "image") else text_findings
        return frozenset(f.code for f in rule(self.content, self.field, VERIFIED)) - NEUTRAL


def cases() -> Sequence[Case]:
    """Read all cases, in the file's order."""
    lines = PATH.read_text("utf-8").splitlines()
    return [_case(n, line) for n, line in enumerate(lines, 1) if line and line[0] != "#"]


def _case(number: int, line: str) -> Case:
    verdict, field, codes, content = line.split("\t")
    assert verdict in ("good", "bad"), f"line {number}: {verdict}"
    named = frozenset() if codes == "-" else frozenset(codes.split(","))
    assert bool(named) == (verdict == "bad"), f"line {number}: a bad one has codes"
    return Case(number, verdict == "bad", field, named, _ESCAPE.sub(_character, content))


def _character(escape: re.Match[str]) -> str:
    number = escape[1] or escape[2]
    return chr(int(number, 16)) if number else {"n": "\n", "\\": "\\"}[escape[3]]
