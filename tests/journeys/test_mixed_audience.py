"""One notification to phones at every push service and to desktops, through everything real.

What each emulator says it took, what desktops show, what the ledger records and what the counters
say are four accounts of the same thing, and must agree device by device.
"""

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from local import demo
from local.journey import Person, sign_in
from local.stack_file import Stack
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.adapters.firestore.rest_values import decode_fields
from shared.domain.audience.device import AddressKind, Device, PushAddress, polls
from shared.domain.delivery.ledger import Outcome, Record
from shared.domain.notifications.notification import NotificationId
from shared.stores.device_codec import device_from
from shared.stores.ledger import Ledger
from tests.journeys.arrivals import Arrival, arrivals
from tests.journeys.test_core_journey import created, device_documents, ended

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stack")]

BODY = {"title": "To everybody", "body": "On every service", "targetSegment": {}}
FINAL = {Outcome.DELIVERED, Outcome.FAILED, Outcome.SKIPPED, Outcome.UNKNOWN}
DEAD = tuple((str(kind), f"{begins}-") for kind, begins in demo.DEAD.items())
ALIVE_SINCE = ("apns", "unregistered-")
"""Apple calls it dead as of long ago, and it was registered only now: it is kept."""


@dataclass(frozen=True)
class Sent:
    """A notification that was sent, and every account of it."""

    final: Mapping[str, Any]
    arrivals: list[Arrival]
    before: Mapping[str, Device]
    after: Mapping[str, Device]
    records: Mapping[str, Record]

    @property
    def pushes_by_service(self) -> dict[str, int]:
        """Times that each address was taken."""
        return dict(Counter(it.token for it in self.arrivals if it.is_accepted))


@pytest.fixture(scope="module")
def sent(stack: Stack) -> Sent:
    """Send one notification for all tests here: they only look."""
    with ExitStack() as end:
        provider = end.enter_context(closing(sign_in(stack, demo.AURORA.email)))
        moderator = end.enter_context(closing(sign_in(stack, demo.MIRA.email)))
        rest = end.enter_context(closing(FirestoreRest(stack.project, stack.firestore)))
        register_phones(stack)
        before = devices(stack)
        id = NotificationId(created(provider, BODY)["id"])
        moderator.ask("approve-notification", {"id": id})
        final = ended(provider, id)
        records = {
            target.hwid: record
            for batch in Ledger(RestDatabase(rest)).batches(id)
            for target, record in zip(batch.targets, batch.records, strict=True)
        }
        return Sent(final, arrivals(stack, id), before, devices(stack), records)


def register_phones(stack: Stack) -> None:
    """Register a dead phone at every service, as those of the demo may have been found already."""
    with httpx.Client(base_url=stack.functions, timeout=30) as nobody:
        for number, (kind, begins) in enumerate((*DEAD, ALIVE_SINCE)):
            value = f"{begins}{time.time_ns()}"
            device = {
                "hwid": f"mixed-{number}-{value}",
                "platform": "ios" if kind == "apns" else "android",
                "domains": [demo.AURORA_DOMAIN],
                "pushAddress": {"kind": kind, "value": value},
            }
            Person(nobody).call("POST", "/device-api/v1/devices", json=device)


def devices(stack: Stack) -> dict[str, Device]:
    documents = (decode_fields({"fields": it}) for it in device_documents(stack))
    return {it["hwid"]: device_from(it["hwid"], it) for it in documents}


def kinds(sent: Sent, *hwids: str) -> Counter[str]:
    return Counter(str(a.kind) if (a := sent.before[it].address) else "desktop" for it in hwids)


def test_the_audience_is_mixed_and_every_device_has_one_outcome(sent: Sent) -> None:
    assert min(kinds(sent, *sent.records).values()) > 10
    assert set(kinds(sent, *sent.records)) == {*AddressKind, "desktop"}
    assert sent.final["status"] == "approved"
    assert len(sent.records) == sent.final["targetedCount"]
    assert {it.outcome for it in sent.records.values()} <= FINAL


def test_the_counters_are_the_sum_of_the_ledger(sent: Sent) -> None:
    outcomes = Counter(it.outcome for it in sent.records.values())
    assert {it: sent.final[f"{it}Count"] for it in FINAL} == {it: outcomes[it] for it in FINAL}
    codes = Counter(it.code for it in sent.records.values() if it.code)
    assert sent.final["errors"] == codes
    assert codes["invalidToken"] >= 2
    assert codes["unregistered"] >= 2


def test_every_address_was_asked_once_and_by_its_own_service(sent: Sent) -> None:
    """In both of Apple's environments, if need be, where nobody named one."""
    asked = Counter((it.service, it.token) for it in sent.arrivals)
    named = {
        (str(address.kind), address.value): bool(address.environment)
        for hwid in sent.records
        if (address := sent.before[hwid].address)
    }
    assert set(asked) == set(named)
    assert {asked[it] for it, once in named.items() if once} == {1}
    assert {asked[it] for it, once in named.items() if not once} <= {1, 2}


def test_each_phone_is_counted_as_its_service_says(sent: Sent) -> None:
    for hwid, record in sent.records.items():
        if address := sent.before[hwid].address:
            taken = sent.pushes_by_service.get(address.value, 0)
            assert record.outcome is (Outcome.DELIVERED if taken else Outcome.FAILED), hwid


def test_a_dead_address_is_dropped_unless_it_was_registered_since(sent: Sent) -> None:
    for hwid in sent.records:
        if address := sent.before[hwid].address:
            alive = address.value in sent.pushes_by_service or is_alive_since(address)
            assert (sent.after[hwid].address is not None) == alive, hwid


def is_alive_since(address: PushAddress) -> bool:
    kind, begins = ALIVE_SINCE
    return address.kind == kind and address.value.startswith(begins)


def test_each_desktop_shows_it(sent: Sent) -> None:
    for hwid in sent.records:
        device = sent.after[hwid]
        if polls(device.platform, device.address) and sent.before[hwid].address is None:
            assert device.slot
            assert device.slot.id == sent.final["id"]


def test_everybody_is_sent_it_under_the_same_replace_key(sent: Sent) -> None:
    assert {it.replace_key for it in sent.arrivals} == {sent.final["id"]}


def test_test_builds_are_reached_in_the_sandbox_and_the_others_in_production(sent: Sent) -> None:
    environments = {
        it.token: it.entry["environment"] for it in sent.arrivals if it.service == "apns"
    }
    assert set(environments.values()) == {"production", "sandbox"}
    for hwid in sent.records:
        address = sent.before[hwid].address
        if address and address.kind is AddressKind.APNS and address.environment:
            assert environments[address.value] == address.environment
