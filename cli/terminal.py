"""Text on a terminal: what providers, moderators and other strangers wrote is shown, never obeyed.

A carriage return, an escape sequence or a C1 control in a title could rewrite what an operator
reads before approving it. Every line that may hold somebody else's words goes through here.
"""

import json
import logging

import click

from shared.domain.chat.text import neutral

_QUOTE = "│ "


class LogLine(logging.Formatter):
    """A format of one line per record; of an error its message, without a stack trace."""

    def format(self, record: logging.LogRecord) -> str:
        said = record.getMessage()
        if record.exc_info and (error := record.exc_info[1]):
            said = f"{said}: {error}"
        return neutral(f"{record.levelname.lower()}: {said}")


def show_log() -> None:
    """Print warnings and errors of the log on standard error, each as a line."""
    handler = logging.StreamHandler()
    handler.setFormatter(LogLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def say(line: str = "") -> None:
    """Print one line; line breaks and characters that a terminal obeys are named in it."""
    click.echo(neutral(line))


def quote(text: str) -> None:
    """Print a text of several lines, each behind a bar, so that none passes for one of ours."""
    for line in neutral(text, lines=True).split("\n"):
        click.echo(f"{_QUOTE}{line}".rstrip())


def json_text(value: object) -> str:
    """Return JSON for people and programs: readable, with everything a terminal obeys escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
