"""``devices``, read in pages by what is derived of them: the plan's cost per device is made here.

Ordering by name forbids a range on any field that is not ordered before it ("order by clause
cannot contain more fields after the key"). Where a filter asks for a time or later, devices are
therefore ordered by their field ``hwid``, which says the same as their name.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from shared.domain.audience.device import AddressKind, Device, PushAddress, Slot, partition_of
from shared.domain.audience.filters import Equals, Since
from shared.domain.audience.targeting import AudienceQuery, DeviceCount, PartitionRange
from shared.domain.delivery.ledger import AudiencePage, Target, sort_key
from shared.ports.database import NAME, Database, Document, Query, Where
from shared.stores.device_codec import (
    DEVICES,
    DOMAINS_UNREADABLE,
    derived_from,
    device_from,
    target_from,
)
from shared.stores.names import document_name

TARGET_FIELDS = (
    "partition",
    "platform",
    "locale",
    "pushAddress",
    "fcmToken",
    "consent",
    "pendingNotificationId",
    "pendingNotificationAt",
    DOMAINS_UNREADABLE,
)
_KINDS = {str(kind): kind for kind in AddressKind}
MOST_ORDINARY_CHARACTERS = 450
"""Of a device's texts, and of its address: any batch holds a target of no more, and it is rare that
one has more.
"""
_NAME_BEGINS = len(DEVICES) + 1
_NOBODY = AudiencePage((), None)


class Audience:
    """Devices selected by queries whose cost grows with the audience, not with all devices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, query: AudienceQuery) -> DeviceCount:
        """Count the devices of a query by aggregation: one read per thousand."""
        if query.hwid is None:
            counted = self._database.count(selecting(query))
            return DeviceCount(counted.number, counted.read_at)
        name = document_name(DEVICES, query.hwid)
        found = self._database.get_many([name], _fields_for(query))
        chosen = [it for it in found.documents.values() if _selects(query, it)]
        return DeviceCount(len(chosen), found.read_at)

    def page(
        self,
        query: AudienceQuery,
        partitions: PartitionRange,
        after: str,
        limit: int,
        read_at: str,
    ) -> AudiencePage:
        """Return the next up to ``limit`` devices after sort key ``after`` as of ``read_at``,
        ordered by (partition, hwid); devices that an earlier query selects are passed over.
        """
        if query.hwid is not None:
            return self._single(query, query.hwid, partitions, after, read_at)
        documents = self._database.query(selecting(query, partitions, after, limit), read_at)
        last = self._place(query, documents[-1]) if len(documents) == limit else None
        return AudiencePage(_targets(query, _matching(query, documents)), last)

    def _single(
        self, query: AudienceQuery, hwid: str, partitions: PartitionRange, after: str, read_at: str
    ) -> AudiencePage:
        """Return one device, found even before anything was derived for it."""
        partition = partition_of(hwid)
        key = sort_key(partition, hwid)
        if after >= key or not partitions.low <= partition < partitions.high:
            return _NOBODY
        name = document_name(DEVICES, hwid)
        document = self._database.get(name, _fields_for(query), read_at)
        if document is None or not _selects(query, document):
            return _NOBODY
        return AudiencePage(((key, target_of(document)),), None)

    def _place(self, query: AudienceQuery, document: Document) -> str:
        """Say where the next page goes on, whether or not this document is one we can read."""
        partition = document.fields["partition"]
        hwid = document.fields["hwid"] if _times(query) else document.id
        if type(partition) is int and type(hwid) is str:
            return sort_key(partition, hwid)
        return self._database.place(document, _order(query)[:2])


def selecting(
    query: AudienceQuery,
    partitions: PartitionRange | None = None,
    after: str = "",
    limit: int = 0,
) -> Query:
    """Form the store's query. A count orders too, so that the pages' index answers it."""
    where = [Where("selectors", "contains-any", query.selectors)]
    where += [Where(it.field, "==", it.value) for it in query.conditions if isinstance(it, Equals)]
    if partitions is not None:
        where.append(Where("partition", ">=", partitions.low))
        where.append(Where("partition", "<", partitions.high))
    where += [Where(it.field, ">=", it.value) for it in _times(query)]
    select = _fields_for(query) if partitions else ()
    cursor = _cursor(query, after) if after else ()
    return Query(DEVICES, tuple(where), _order(query), cursor, limit, select)


def _order(query: AudienceQuery) -> tuple[str, ...]:
    times = _times(query)
    return ("partition", "hwid", *(it.field for it in times)) if times else ("partition", NAME)


def _cursor(query: AudienceQuery, after: str) -> tuple[Any, ...] | str:
    if after.startswith("["):
        return after
    partition, _, hwid = after.partition("|")
    return int(partition), hwid if _times(query) else document_name(DEVICES, hwid)


def _times(query: AudienceQuery) -> list[Since]:
    return [each for each in query.conditions if isinstance(each, Since)]


def _fields_for(query: AudienceQuery) -> tuple[str, ...]:
    """Name what is read of each device: what sending needs, and what is decided here."""
    fields = dict.fromkeys(TARGET_FIELDS)
    if _times(query):
        fields["hwid"] = None
    if query.earlier:
        fields["selectors"] = None
    return tuple(fields | dict.fromkeys(_fields_that_decide(query)))


def _fields_that_decide(query: AudienceQuery) -> list[str]:
    return [name for each, _ in query.undecided for name in each.reads]


# ---- pages -----------------------------------------------------------------------------------


def _matching(query: AudienceQuery, documents: Sequence[Document]) -> Sequence[Document]:
    """Leave out the devices that the query could not leave out."""
    if not query.undecided:
        return documents
    names = _fields_that_decide(query)
    return [document for document in documents if query.keeps(_device(document, names))]


def _targets(query: AudienceQuery, documents: Sequence[Document]) -> tuple[tuple[str, Target], ...]:
    found = []
    for document in documents:
        if query.earlier and not query.first_to_select(map(str, document.fields["selectors"])):
            continue
        target = target_of(document)
        found.append((sort_key(partition_of(target.hwid), target.hwid), target))
    return tuple(found)


# ---- one device ------------------------------------------------------------------------------


def target_of(document: Document) -> Target:
    """Read what sending needs of a device, whatever its document looks like."""
    try:
        return _quickly(document)
    except (LookupError, TypeError, ValueError):
        return _carefully(document)


def _quickly(document: Document) -> Target:
    """Read a document in its ordinary form; fail with one of Python's own errors for others.

    Joining texts fails where one of them is none, and their length tells that the target fits.
    """
    name, fields, version = document
    get = fields.get
    platform, locale, token = fields["platform"], get("locale", ""), get("fcmToken", "")
    given, consent, at = get("pushAddress"), get("consent", True), get("pendingNotificationAt")
    if (consent is not True and consent is not False) or DOMAINS_UNREADABLE in fields:
        raise ValueError
    if given is None:
        address = PushAddress(AddressKind.FCM, token) if token else None
    else:
        address = _address(given, token)
    slot = None if at is None else Slot(get("pendingNotificationId", ""), _moment(at))
    shown = slot.id if slot else ""
    if len("".join((name, platform, locale, token, shown))) > MOST_ORDINARY_CHARACTERS:
        raise ValueError
    return Target(name[_NAME_BEGINS:], platform, locale, address, consent, slot, version)


def _address(address: Any, token: str) -> PushAddress:
    kind, value = _KINDS[address["kind"]], address["value"]
    environment, since = address.get("environment", ""), address.get("registeredAt")
    if not value or len("".join((value, environment))) > MOST_ORDINARY_CHARACTERS:
        raise ValueError
    if token and token != value and kind is AddressKind.FCM:
        return PushAddress(AddressKind.FCM, token)
    return PushAddress(kind, value, environment, None if since is None else _moment(since))


def _moment(value: Any) -> datetime:
    if type(value) is not datetime or value.tzinfo is not UTC:
        raise TypeError
    return value


def _carefully(document: Document) -> Target:
    return target_from(document.id, document.fields, document.version)


def _selects(query: AudienceQuery, document: Document) -> bool:
    """Decide on the plain fields of one device what the store decides for pages."""
    selectors = derived_from(document.id, document.fields).selectors
    return (
        not set(selectors).isdisjoint(query.selectors)
        and query.first_to_select(selectors)
        and query.keeps(_device(document, _fields_that_decide(query)))
    )


def _device(document: Document, names: Sequence[str]) -> Device:
    """Read no more of a device than these fields: there are many on a page."""
    fields = document.fields
    return device_from(document.id, {name: fields[name] for name in names if name in fields})
