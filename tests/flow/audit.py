"""What must hold of every notification once all is quiet, as a list of what does not."""

from collections import Counter
from collections.abc import Iterable, Iterator

from shared.domain.audience.filters import Segment
from shared.domain.delivery.ledger import CHUNK_SIZE, Outcome, tally
from shared.domain.notifications.history import Note, broken_links
from shared.domain.notifications.lifecycle import TERMINAL, TRANSITIONS, Move, Status
from shared.domain.notifications.notification import NotificationId
from shared.domain.providers.provider import verified
from tests.builders import ran
from tests.flow.push import texts
from tests.flow.world import World

GOT_IT = {Outcome.DELIVERED, Outcome.UNKNOWN}


def audience_of(world: World, id: NotificationId) -> set[str]:
    """List who is targeted, by the rule, among the devices the world began with."""
    it = world.get(id)
    domains = verified(world.providers.domains_of(it.provider_id))
    segment, as_of = it.segment or Segment(), ran(it).sending_at or it.created_at
    return {
        hwid for hwid, device in world.targets.items() if not segment.misses(device, domains, as_of)
    }


def faults(world: World, id: NotificationId) -> list[str]:
    """List what is wrong with a notification whose distribution is over."""
    it = world.get(id)
    found = [*_in_history(world, id), *_in_counters(world, id), *_in_sending(world, id)]
    if it.status not in TERMINAL:
        found.append(f"it is still {it.status}")
    if it.tally.open or world.ledger.open_batches(id):
        found.append(f"{it.tally.open} devices in {world.ledger.open_batches(id)} batches are open")
    planned = Counter(t.hwid for batch in world.batches(id) for t in batch.targets)
    found.extend(f"{hwid} is in {times} batches" for hwid, times in planned.items() if times > 1)
    if it.status is Status.APPROVED and (odd := audience_of(world, id) ^ set(planned)):
        found.append(f"lost or strangers: {sorted(odd)}")
    return found


def _in_history(world: World, id: NotificationId) -> Iterator[str]:
    it, entries = world.get(id), world.history(id)
    if broken_links(entries):
        yield f"the history is broken at {broken_links(entries)}"
    if not entries or (len(entries), entries[-1].hash) != (it.head.count, it.head.hash):
        yield "the history does not end where the record says"
    status = None
    for entry in entries:
        move = entry.move
        if move in set(Note):
            legal = entry.status is status
        else:
            legal = entry.status in TRANSITIONS.get((status, Move(move)), ())
        if entry.origin != status or not legal:
            yield f"{move} led from {entry.origin} to {entry.status}, after {status}"
        status = entry.status
    if status != it.status:
        yield f"the history ends in {status}, the record says {it.status}"


def _in_counters(world: World, id: NotificationId) -> Iterator[str]:
    it = world.get(id)
    sums = tally(record for batch in world.batches(id) for record in batch.records)
    if it.tally != sums:
        yield f"the record counts {it.tally}, the ledger {sums}"


def _in_sending(world: World, id: NotificationId) -> Iterator[str]:
    it, records = world.get(id), world.records(id)
    if it.moderator_id is None and not it.auto_approved and world.push.reached(id):
        yield "it was sent without approval"
    addresses = _addresses(world)
    taken = world.push.reached(id)
    for hwid, record in records.items():
        times = sum(taken.get(to, 0) for to in addresses[hwid])
        confirmed = times > sum(world.push.unconfirmed[id, to] for to in addresses[hwid])
        told = it.status is not Status.STOPPED and not world.push.fickle
        if confirmed and told and record.outcome not in GOT_IT:
            yield f"{hwid} took it, the ledger says {record}"
        got_it = bool(times) or (id, hwid) in world.desktops.seen
        if record.outcome is Outcome.DELIVERED and not got_it:
            yield f"{hwid} is said to have it, but never got it"
    strangers = set(taken).difference(*(addresses[hwid] for hwid in records))
    if strangers:
        yield f"sent to {sorted(strangers)}, who are in no batch"
    for payload in dict.fromkeys(payload for payload, _ in world.push.requests):
        if payload.id == id and texts(payload) != (it.content.title, it.content.body):
            yield f"something else was sent: {texts(payload)}"
    yield from (f"{hwid} went back to an older one" for hwid in world.desktops.went_back)


def _addresses(world: World) -> dict[str, set[str]]:
    """Where each device was reached when the world began, and where it is by now."""
    now = world.devices.reach(list(world.targets))
    return {
        hwid: {it.address.value for it in (before, now.get(hwid)) if it and it.address}
        for hwid, before in world.targets.items()
    }


def sent_again(world: World, ids: Iterable[NotificationId]) -> int:
    """Count the pushes that were taken once more although an earlier answer had arrived.

    All under their notification's replace key: that is what the service tells them apart by.
    """
    return sum(
        max(0, times - 1 - world.push.unconfirmed[id, to])
        for id in ids
        for to, times in world.push.reached(id).items()
    )


def most_sent_again(world: World) -> int:
    """Return what may be sent again at most: a chunk for every crash and every lease outlived."""
    return CHUNK_SIZE * (world.hazard.crashes + world.stalls)
