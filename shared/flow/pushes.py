"""The pushes of one run over a batch: what one chunk teaches holds for those after it.

Refused credentials or content hold for every address of their kind, a missing key of Apple's for
every device of one platform, and addresses of another app say something about us when they are
many. None of this outlives the run: by the next one somebody may have mended it.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.delivery import Answer, Later, Misconfigured, Target, Unsendable
from shared.domain.device import AddressKind, PushAddress
from shared.domain.suspicion import Suspicion
from shared.ports import Clock, Message, Sender

Senders = Mapping[AddressKind, Sender]
_EVERY_PLATFORM = ""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Pushes:
    """Sends the chunks of a batch, one after the other."""

    message: Message
    senders: Senders
    clock: Clock
    asked_seconds: float = 0.0
    """The longest wait that any push service asked for."""
    tried: set[int] = field(default_factory=set)
    """Positions in the batch of those that had a turn."""
    _blocked: dict[tuple[AddressKind, str], Answer] = field(default_factory=dict)
    _suspicions: defaultdict[AddressKind, Suspicion] = field(
        default_factory=lambda: defaultdict(Suspicion)
    )

    def send(self, targets: Mapping[int, Target], until: datetime) -> dict[int, Answer]:
        """One attempt for each that has an address, unless it is known to be in vain.

        Every push service has its share of the time, so that none takes all of it by silence.
        """
        addressed = {p: (t.platform, t.address) for p, t in targets.items() if t.address}
        kinds = dict.fromkeys(address.kind for _, address in addressed.values())
        answers: dict[int, Answer] = {}
        for left, kind in zip(range(len(kinds), 0, -1), kinds, strict=True):
            of_kind = {p: it for p, it in addressed.items() if it[1].kind is kind}
            now = self.clock.now()
            answers |= self._of_kind(kind, of_kind, now + (until - now) / left)
        self.tried |= {p for p, a in answers.items() if not isinstance(a, Later) or a.tried}
        return answers

    def _of_kind(
        self,
        kind: AddressKind,
        addressed: Mapping[int, tuple[str, PushAddress]],
        until: datetime,
    ) -> dict[int, Answer]:
        sender = self.senders.get(kind)
        if sender is None:
            return dict.fromkeys(addressed, Misconfigured("noSender"))
        answers: dict[int, Answer] = {
            position: known
            for position, (platform, _) in addressed.items()
            if (known := self._known(kind, platform))
        }
        asked = {p: it for p, it in addressed.items() if p not in answers}
        if not asked:
            return answers
        seconds = max(0.0, (until - self.clock.now()).total_seconds())
        got = sender.send(self.message, [address for _, address in asked.values()], seconds)
        for (platform, _), answer in zip(asked.values(), got, strict=True):
            self._learn(kind, platform, answer)
        return answers | dict(zip(asked, self._judged(kind, got), strict=True))

    def _known(self, kind: AddressKind, platform: str) -> Answer | None:
        return self._blocked.get((kind, _EVERY_PLATFORM)) or self._blocked.get((kind, platform))

    def _learn(self, kind: AddressKind, platform: str, answer: Answer) -> None:
        match answer:
            case Misconfigured(of_platform=True):
                self._blocked[kind, platform] = answer
            case Misconfigured() | Unsendable():
                self._blocked[kind, _EVERY_PLATFORM] = answer
            case Later(_, seconds):
                self.asked_seconds = max(self.asked_seconds, seconds or 0.0)

    def _judged(self, kind: AddressKind, answers: Sequence[Answer]) -> Sequence[Answer]:
        before = self._suspicions[kind]
        now = self._suspicions[kind] = before.after(answers)
        if now.wrong_app and not before.wrong_app:
            told = (kind.upper(), self.message.id, now.foreign, now.known)
            log.error("%s: wrongApp, notification %s, %d of %d addresses are another app's", *told)
        return now.judged(answers)
