"""A terminal shows what strangers wrote, and does none of it."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.terminal import LogLine, json_text, quote, say

HOSTILE = "Sale\r\x1b[2K\x1b[1A approved \x9b31m\x85\u2028\u202eexe\x07\x7f"
OBEYED = frozenset("\r\x1b\x9b\x85\u2028\u202e\x07\x7f\x08\x0b\x0c")


def test_a_line_stays_one_line_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"n1  {HOSTILE}\nfound nothing")
    shown = capsys.readouterr().out
    assert OBEYED.isdisjoint(shown)
    assert shown.count("\n") == 1
    assert "⟨U+001B⟩[2K" in shown


def test_lines_of_a_text_do_not_pass_for_ours(capsys: pytest.CaptureFixture[str]) -> None:
    quote(f"Hello\r\n  delivered  1,000\n{HOSTILE}")
    shown = capsys.readouterr().out
    assert OBEYED.isdisjoint(shown)
    assert all(line.startswith("│") for line in shown.splitlines())


def test_the_log_is_shown_in_lines_without_a_stack_trace() -> None:
    failed = (ValueError, ValueError(HOSTILE), None)
    record = logging.LogRecord("x", logging.ERROR, "", 0, "left out: %s", (HOSTILE,), failed)
    line = LogLine().format(record)
    assert line.startswith("error: left out: Sale ⏎ ⟨U+001B⟩[2K")
    assert line.count("Sale") == 2
    assert OBEYED.isdisjoint(line)
    assert "\n" not in line


def test_writing_of_the_world_and_emoji_stay_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = "می\u200cخواهم 👩\u200d👩\u200d👧 Привет 漢字"
    say(text)
    assert capsys.readouterr().out == f"{text}\n"


@given(text=st.text())
def test_json_says_the_same_and_is_obeyed_by_nothing(text: str) -> None:
    shown = json_text({"title": text})
    assert json.loads(shown) == {"title": text}
    assert all(c.isprintable() or c == "\n" for c in shown)
