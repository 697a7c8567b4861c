"""The pushes of one pass over a batch, and the devices held back on the word of others.

Every device is asked for, and judged by its own answer. Only while many addresses of a group have
met the same refusal and nobody was accepted, no more than a few of each chunk are asked for, and
the others wait: if one of the few is accepted, they go out too.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.audience.device import AppService, PushAddress, of_app
from shared.domain.delivery.evidence import PROBES, Group, group_of
from shared.domain.delivery.ledger import Target
from shared.domain.delivery.run import RunId
from shared.domain.push.answers import Answer, Misconfigured, RetryLater, Unsendable
from shared.domain.push.reactions import NO_SENDER, NO_TURN
from shared.domain.push.rendering import Payload
from shared.flow.delivery.pass_evidence import PassEvidence
from shared.flow.delivery.render import Renderer
from shared.ports import Clock, Senders

AddressesByPosition = Mapping[int, tuple[Group, PushAddress]]
"""Groups and addresses by position in the batch."""

_GRAVE = (Misconfigured, Unsendable)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class PushRound:
    """Sender of a batch's chunks, one after the other."""

    renderer: Renderer
    senders: Senders
    clock: Clock
    evidence: PassEvidence
    tried: set[int] = field(default_factory=set)
    """Positions in the batch of those that had a turn."""

    def send(
        self, targets: Mapping[int, Target], until: datetime, again: Set[int] = frozenset()
    ) -> dict[int, Answer]:
        """Make one attempt for each target that has an address, unless the target is held back.

        Each app at each push service has its share of the time, so that none takes all of it by
        silence.
        ``again``: positions that were asked for before.
        """
        addressed = {
            p: (group_of(t.platform, t.address), t.address) for p, t in targets.items() if t.address
        }
        parts = list(_parts(addressed, again))
        answers: dict[int, Answer] = {}
        for left, part in zip(range(len(parts), 0, -1), parts, strict=True):
            now = self.clock.now()
            answers |= self._of_part(part, now + (until - now) / left)
        self.tried |= {p for p, a in answers.items() if not isinstance(a, RetryLater) or a.tried}
        return answers

    def _of_part(self, part: AddressesByPosition, until: datetime) -> dict[int, Answer]:
        """Send to addresses of one app at one push service."""
        held = self._held_back(part)
        answers = self._ask({p: it for p, it in part.items() if p not in held}, until)
        lifted = {p: part[p] for p in held if not self.evidence.agreed(part[p][0])}
        answers |= self._ask(lifted, until)
        return answers | dict.fromkeys(held - lifted.keys(), NO_TURN)

    def _held_back(self, part: AddressesByPosition) -> set[int]:
        """Find all but a few of each group of which a refusal is believed."""
        groups = {group for group, _ in part.values()}
        return {
            p
            for group in groups
            if self.evidence.agreed(group)
            for p in _but_probes([p for p, (of, _) in part.items() if of == group])
        }

    def _ask(self, part: AddressesByPosition, until: datetime) -> dict[int, Answer]:
        """Render for these addresses of one app at one push service, and send what it could
        take.
        """
        if not part:
            return {}
        service = next(address.service for _, address in part.values())
        sender = self.senders.of(service.app, service.kind)
        if sender is None:
            return dict.fromkeys(part, NO_SENDER)
        now = self.clock.now()
        rendered = self.renderer.payloads([address for _, address in part.values()], now)
        by_position = dict(zip(part, rendered, strict=True))
        pushes = {p: (part[p][1], it) for p, it in by_position.items() if isinstance(it, Payload)}
        seconds = max(0.0, (until - now).total_seconds())
        got = sender.send(list(pushes.values()), seconds) if pushes else ()
        sent = dict(zip(pushes, got, strict=True))
        answers = {p: sent[p] if isinstance(it, Payload) else it for p, it in by_position.items()}
        report(service, self.renderer.run.id, answers.values())
        self.evidence.learn(
            (group, address.value, answer)
            for (group, address), answer in zip(part.values(), answers.values(), strict=True)
        )
        return answers


def report(service: AppService, id: RunId, answers: Iterable[Answer]) -> None:
    """Log what may be our fault: once a send, without any address.

    Whether the fault is ours, one send cannot tell: the caller that knows the run sounds the alarm.
    """
    from shared.domain.push.languages import LANGUAGES  # loaded when the first chunk is sent

    grave = Counter(answer.code for answer in answers if isinstance(answer, _GRAVE))
    for code, addresses in grave.items():
        name = of_app(service.app, LANGUAGES[service.kind].log_name)
        told = (name, code, id, addresses)
        _log.warning("%s: %s, notification %s, %d addresses", *told)


def _parts(addressed: AddressesByPosition, again: Set[int]) -> Iterator[AddressesByPosition]:
    """Divide by app and push service. Where a request has one answer for all its addresses, those
    that were asked for before are asked for in halves: else the worst of them would have all of
    them wait for ever.
    """
    from shared.domain.push.languages import LANGUAGES  # as in `report`

    by_service: defaultdict[AppService, list[int]] = defaultdict(list)
    for position, (group, _) in addressed.items():
        by_service[group.service].append(position)
    for service, of_service in by_service.items():
        together = LANGUAGES[service.kind].answers_together
        waited = [p for p in of_service if together and p in again]
        fresh = [p for p in of_service if p not in waited]
        for positions in (fresh, waited[::2], waited[1::2]):
            if positions:
                yield {p: addressed[p] for p in positions}


def _but_probes(positions: list[int]) -> Iterable[int]:
    """Leave out ``PROBES`` of the positions, spread evenly."""
    step = max(1, -(-len(positions) // PROBES))
    return (p for n, p in enumerate(positions) if n % step)
