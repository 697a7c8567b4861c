"""Structured logs on standard output, in the form Cloud Logging reads.

A log is read by many and kept for long: bearer tokens and hwids appear in it as the beginning of
their SHA-256 only, even where an error's own words contain them.
"""

import hashlib
import json
import re
import sys
import traceback
import uuid
from collections.abc import Iterable
from typing import Literal

from flask import Request, has_request_context
from flask import request as current

from shared.settings import SettingsError
from shared.wiring import parts

Severity = Literal["INFO", "WARNING", "ERROR"]

_TRACE = re.compile(r"([0-9a-f]{32})(?:/[0-9]{1,20})?(?:;o=[0-9])?")
_DEVICE = re.compile(r"\b(devices|deviceSecrets)/(?!sha256:|\{)([^\s:#\"\\]+)")
_HIDDEN_SINCE = 6
"""Shorter values are no secrets, and blotting them out would make every log unreadable."""


def trace_of(request: Request) -> str:
    """The id under which Google traces this request, or a new one of the same form."""
    given = _TRACE.fullmatch(request.headers.get("X-Cloud-Trace-Context", ""))
    return given[1] if given else uuid.uuid4().hex


def short(secret: str) -> str:
    """Enough to see that two secrets are the same, too little to use one."""
    return f"sha256:{hashlib.sha256(secret.encode(errors='replace')).hexdigest()[:12]}"


def log(
    severity: Severity,
    message: str,
    *,
    trace: str = "",
    error: BaseException | None = None,
    hide: Iterable[str] = (),
    **fields: object,
) -> None:
    """One line. With ``error`` its stack trace, which Error Reporting picks up."""
    if not trace and has_request_context():
        trace = trace_of(current)
    entry: dict[str, object] = {"severity": severity, "message": message, **fields}
    if trace and (project := _project()):
        entry["logging.googleapis.com/trace"] = f"projects/{project}/traces/{trace}"
    if error is not None:
        entry["stack_trace"] = "".join(traceback.format_exception(error))
    line = json.dumps(entry, ensure_ascii=False, default=str)
    for secret in sorted(hide, key=len, reverse=True):
        if len(secret) >= _HIDDEN_SINCE:
            line = line.replace(json.dumps(secret, ensure_ascii=False)[1:-1], short(secret))
    line = _DEVICE.sub(lambda found: f"{found[1]}/{short(found[2])}", line)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _project() -> str:
    try:
        return parts().settings.project
    except SettingsError:
        return ""
