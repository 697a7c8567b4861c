"""One attempt at each of a few devices, for a caller that waits to see what it comes to.

Nothing is kept and nothing is tried again. So few devices prove nothing of their push service: an
address that is unknown to it is not dropped, refused credentials sound no alarm, and neither is
remembered for others. A desktop's slot is written by the rule for all: whatever is newer stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Protocol

from shared.domain.audience.device import AppService, Device, PushAddress
from shared.domain.audience.filters import Segment
from shared.domain.delivery.ledger import UNTRIED, Outcome, Record, Target
from shared.domain.delivery.recording import combine, last_word, recorded
from shared.domain.delivery.run import Run
from shared.domain.push.answers import Answer
from shared.domain.push.desktop import SlotWrite
from shared.domain.push.reactions import ANSWER_LOST, NO_SENDER
from shared.domain.push.rendering import Payload
from shared.flow.delivery.render import Renderer
from shared.ports import Clock, Senders

if TYPE_CHECKING:
    from shared.stores.devices import Devices
    from shared.stores.slots import Slots

SECONDS = 7.0
"""Time for the push services' answers; what is not answered by then may have arrived or not."""


class Needs(Protocol):
    """Parts of the container that this verb uses."""

    @property
    def clock(self) -> Clock: ...
    @property
    def devices(self) -> Devices: ...
    @property
    def senders(self) -> Senders: ...
    @property
    def slots(self) -> Slots: ...


def reach_once(
    run: Run, hwids: Sequence[str], *, needs: Needs, seconds: float = SECONDS
) -> Mapping[str, Record]:
    """Send it to these devices, by push and by slot; return a final record for each.

    A device on none of the run's domains is not told apart from one that does not exist.
    """
    found = needs.devices.get_many(hwids)
    now, on_domains = needs.clock.now(), Segment()
    targets = {
        hwid: _target(it)
        for hwid, it in found.items()
        if not on_domains.misses(it, run.domains, now)
    }
    open_ = {hwid: target for hwid, target in targets.items() if not target.held_back}
    answers, shown = _in_time(run, open_, needs=needs, seconds=seconds)
    now = needs.clock.now()
    records = {}
    for hwid in hwids:
        target = targets.get(hwid)
        if target is None:
            records[hwid] = Record(Outcome.SKIPPED, "unknownDevice", at=now)
            continue
        if target.held_back:
            records[hwid] = Record(Outcome.SKIPPED, target.held_back, at=now)
            continue
        answer = answers.get(hwid)
        pushed = recorded(answer, now) if answer else None
        word = combine(UNTRIED, (pushed, shown.get(hwid)), now, target.out_of_reach)
        records[hwid] = _final(word)
    return records


def _target(device: Device) -> Target:
    return Target(
        hwid=device.hwid,
        platform=device.platform,
        locale=device.locale,
        address=device.address,
        consent=device.consent,
        unreadable=device.unreadable,
    )


def _final(word: Record) -> Record:
    """End a record that is open: nobody tries it again."""
    if word.outcome is not Outcome.OPEN:
        return word
    return last_word(word, Record(Outcome.FAILED, word.code, at=word.at))


def _in_time(
    run: Run, targets: Mapping[str, Target], *, needs: Needs, seconds: float
) -> tuple[Mapping[str, Answer], Mapping[str, Record]]:
    """Ask each app's push service and write the slots, all at the same time, and wait no longer
    than that for any.
    """
    addresses: defaultdict[AppService, dict[str, PushAddress]] = defaultdict(dict)
    for hwid, target in targets.items():
        if target.address:
            addresses[target.address.service][hwid] = target.address
    polling = [hwid for hwid, target in targets.items() if target.polls]
    threads = ThreadPoolExecutor(max_workers=len(addresses) + 1)
    showing = threads.submit(_show, run, polling, needs=needs)
    asked = {
        threads.submit(_ask, run, service, [*of.values()], needs=needs, seconds=seconds): [*of]
        for service, of in addresses.items()
    }
    under_way: set[Future[Any]] = {showing, *asked}
    done, _ = wait(under_way, timeout=seconds)
    threads.shutdown(wait=False, cancel_futures=True)
    answers: dict[str, Answer] = {}
    for future, hwids in asked.items():
        got = future.result() if future in done else [ANSWER_LOST] * len(hwids)
        answers |= zip(hwids, got, strict=True)
    late = Record(Outcome.OPEN, ANSWER_LOST.code, at=needs.clock.now(), ambiguous=True)
    return answers, showing.result() if showing in done else dict.fromkeys(polling, late)


def _ask(
    run: Run,
    service: AppService,
    addresses: Sequence[PushAddress],
    *,
    needs: Needs,
    seconds: float,
) -> Sequence[Answer]:
    """Render for these addresses of one app at one push service, and send once."""
    sender = needs.senders.of(service.app, service.kind)
    if sender is None:
        return [NO_SENDER] * len(addresses)
    rendered = Renderer(run).payloads(addresses, needs.clock.now())
    pushes = [
        (address, it)
        for address, it in zip(addresses, rendered, strict=True)
        if isinstance(it, Payload)
    ]
    sent = iter(sender.send(pushes, seconds) if pushes else ())
    return [next(sent) if isinstance(it, Payload) else it for it in rendered]


def _show(run: Run, hwids: Sequence[str], *, needs: Needs) -> Mapping[str, Record]:
    if not hwids:
        return {}
    rendered = Renderer(run).slot(needs.clock.now())
    records = needs.slots.show(rendered, [SlotWrite(hwid, "") for hwid in hwids])
    return dict(zip(hwids, records, strict=True))
