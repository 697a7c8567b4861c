"""How often the rules are right about what people would say: precision and recall, printed."""

import unicodedata
from collections import Counter

import pytest

from shared.domain.findings.finding import KINDS
from tests.moderation.corpus import NEUTRAL, cases

FLOOR = 0.95
CASES = cases()


def test_the_corpus_is_large_varied_and_says_nothing_twice() -> None:
    assert len(CASES) >= 300
    assert sum(case.bad for case in CASES) >= 150
    assert sum(not case.bad for case in CASES) >= 150
    assert len({(case.field, case.content) for case in CASES}) == len(CASES)
    assert {code for case in CASES for code in case.codes} <= KINDS.keys() - NEUTRAL


def test_the_corpus_speaks_many_scripts() -> None:
    letters = {unicodedata.name(c, "").split(" ")[0] for case in CASES for c in case.content}
    assert letters >= {
        *("LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "DEVANAGARI", "BENGALI", "TAMIL"),
        *("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "GEORGIAN", "ARMENIAN", "ETHIOPIC"),
    }


def test_precision_and_recall_of_every_code_together(capsys: pytest.CaptureFixture[str]) -> None:
    hits, alarms, misses = Counter[str](), Counter[str](), Counter[str]()
    for case in CASES:
        told = case.expected_codes
        hits.update(told & case.codes)
        alarms.update(told - case.codes)
        misses.update(case.codes - told)
    precision = hits.total() / (hits.total() + alarms.total())
    recall = hits.total() / (hits.total() + misses.total())
    with capsys.disabled():
        print(f"\ncodes: precision {precision:.3f}, recall {recall:.3f} of {hits.total()} expected")
        print(f"  told in vain: {dict(alarms)}; missed: {dict(misses)}")
    assert precision >= FLOOR
    assert recall >= FLOOR


def test_precision_and_recall_of_good_and_bad(capsys: pytest.CaptureFixture[str]) -> None:
    called_bad = [case for case in CASES if case.expected_codes]
    right = sum(case.bad for case in called_bad)
    precision = right / len(called_bad)
    recall = right / sum(case.bad for case in CASES)
    with capsys.disabled():
        print(f"\ngood or bad: precision {precision:.3f}, recall {recall:.3f} of {len(CASES)}")
    assert precision >= FLOOR
    assert recall >= FLOOR
