"""Answers that are undocumented or unreadable, for the log, where a reader of the push service's
documentation needs its own words. Only names are repeated, since texts may hold an address.
"""

import logging
import re

from shared.wire.http11 import HttpAnswer

_NAMES = re.compile(rb'"(?:errorCode|status|reason|code)"\s*:\s*"?([A-Za-z0-9_.-]{1,40})[",}\s]')
_log = logging.getLogger(__name__)


class UndocumentedAnswers:
    """The log of one send's undocumented answers; an answer that is repeated is logged once."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._logged_answers: set[tuple[int, bytes]] = set()

    def log(self, answer: HttpAnswer) -> None:
        """Log it."""
        words = b" ".join(dict.fromkeys(_NAMES.findall(answer.body)))
        if (answer.status, words) not in self._logged_answers:
            self._logged_answers.add((answer.status, words))
            names = words.decode() or "no name in it"
            what = "an answer that cannot be decompressed" if answer.unreadable else "unknownError"
            _log.warning("%s: %s, HTTP %d, %s", self._service, what, answer.status, names)
