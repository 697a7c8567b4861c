"""Isolation of push services: a sender's own defect costs its own addresses only.

A sender handles whatever its service answers. This is for what was not foreseen: a sender that
cannot be built, or that breaks while it is used, must not end the batch for the other services.
"""

import math
import threading
from collections.abc import Callable, Sequence

from shared.adapters.push.defects import log_defect
from shared.domain.push.answers import Answer
from shared.domain.push.reactions import MAY_HAVE_SENT, SENDER_FAILED
from shared.domain.push.rendering import Push
from shared.ports import Sender


class IsolatedSender:
    """Another sender, built when it is first used, that never raises."""

    def __init__(self, service: str, build: Callable[[], Sender]) -> None:
        self._service = service
        self._build = build
        self._lock = threading.Lock()
        self._built: Sender | None = None

    def send(self, pushes: Sequence[Push], within_seconds: float = math.inf) -> Sequence[Answer]:
        """Return an answer for each, in order; if the sender breaks, one that is tried again."""
        answer = SENDER_FAILED
        try:
            sender = self._sender()
            answer = MAY_HAVE_SENT
            return sender.send(pushes, within_seconds)
        except Exception as broken:  # noqa: BLE001 - whatever it is, it is this service's alone
            log_defect(f"{self._service}: the sender", broken)
            return [answer] * len(pushes)

    def _sender(self) -> Sender:
        with self._lock:
            if self._built is None:
                self._built = self._build()
            return self._built
