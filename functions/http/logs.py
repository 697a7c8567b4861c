"""Structured logs on standard output, in the form Cloud Logging reads.

A log is read by many and kept for long: tokens, hwids and push addresses appear in it as keyed
hashes only, even where an error's own words contain them.
"""

import json
import re
import sys
import traceback
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal
from urllib.parse import quote

from flask import Request, has_request_context
from flask import request as current

from shared.domain.errors import Defect
from shared.settings import SettingsError
from shared.settings.hidden import hidden
from shared.wiring import parts

Severity = Literal["INFO", "WARNING", "ERROR"]

_TRACE = re.compile(r"([0-9a-f]{32})(?:/[0-9]{1,20})?(?:;o=[0-9])?")
_DEVICE = re.compile(r"\b(devices|deviceSecrets)/(.+)", re.DOTALL)
_FOUND_ANYWHERE = 6
"""Secrets of at least this length are looked for inside words, too."""


def trace_of(request: Request) -> str:
    """Return the id under which Google traces this request, or a new one of the same form."""
    found = _TRACE.fullmatch(request.headers.get("X-Cloud-Trace-Context", ""))
    return found[1] if found else uuid.uuid4().hex


def message_of(error: BaseException) -> str:
    """Return an error's message, with the names of devices' documents hidden.

    An hwid may hold any character, so its end cannot be seen: a name goes to the end of the text,
    but for the field and its fault that a ``Defect`` ends with.
    """
    name, colon, fault = str(error).rpartition(": ")
    if not isinstance(error, Defect) or not _DEVICE.search(name):
        return _without_names(str(error))
    return f"{_without_names(name)}{colon}{_without_names(fault)}"


def log(
    severity: Severity,
    message: str,
    *,
    trace: str = "",
    error: BaseException | None = None,
    hide: Iterable[str] = (),
    **fields: object,
) -> None:
    """Write one line. With ``error`` its stack trace, which Error Reporting picks up; with ``hide``
    those texts are hidden wherever they stand. A message repeats an error's words by ``said`` only.
    """
    if not trace and has_request_context():
        trace = trace_of(current)
    entry: dict[str, object] = {"message": message, **fields}
    if error is not None:
        entry["stack_trace"] = _stack_trace(error)
    secrets = sorted(hide, key=len, reverse=True)
    entry = {name: _without(value, secrets) for name, value in entry.items()}
    if trace and (project := _project()):
        entry["logging.googleapis.com/trace"] = f"projects/{project}/traces/{trace}"
    line = json.dumps({"severity": severity, **entry}, ensure_ascii=False, default=str)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _without_names(text: str) -> str:
    return _DEVICE.sub(lambda found: f"{found[1]}/{hidden(found[2])}", text)


def _stack_trace(error: BaseException) -> str:
    text = "".join(traceback.format_exception(error))
    words = {str(each): message_of(each) for each in _chain(error)}
    for open_, safe in sorted(words.items(), key=lambda it: len(it[0]), reverse=True):
        if safe != open_:
            text = text.replace(open_, safe)
    return text


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and all others in its stack trace."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                yield from _chain(each)
        if error.__cause__ is None and not error.__suppress_context__:
            error = error.__context__
        else:
            error = error.__cause__


def _without(value: object, secrets: Iterable[str]) -> object:
    if isinstance(value, Mapping):
        return {name: _without(each, secrets) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without(each, secrets) for each in value]
    if not isinstance(value, str):
        return value
    for secret in filter(None, secrets):
        either = "|".join(map(re.escape, sorted(_forms(secret), key=len, reverse=True)))
        whole = either if len(secret) >= _FOUND_ANYWHERE else rf"(?<!\w)(?:{either})(?!\w)"
        value = re.sub(whole, hidden(secret), value, flags=re.IGNORECASE)
    return value


def _forms(secret: str) -> set[str]:
    """Return the text as it is, as Python and JSON quote it, and as a part of an address."""
    encoded = {quote(secret, safe=safe, errors="replace") for safe in ("", "/", "/:@")}
    return {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], *encoded}


def _project() -> str:
    try:
        return parts().settings.project
    except SettingsError:
        return ""
