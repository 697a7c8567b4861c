"""The audience, read in pages by Firestore's REST API: the plan's cost per device is made here.

Ordering by name forbids a range on any field that is not ordered before it ("order by clause
cannot contain more fields after the key"). Where a filter asks for a time or later, devices are
therefore ordered by their field ``hwid``, which says the same as their name.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import orjson

from shared.adapters.firestore.rest import BadRequest, FirestoreRest, PreconditionFailed
from shared.adapters.firestore.rest_values import (
    NAME,
    Raw,
    decode_fields,
    encode,
    id_of,
    moment,
    query,
    where,
)
from shared.domain.audience.device import AddressKind, Device, PushAddress, Slot, partition_of
from shared.domain.audience.filters import Equals, Since
from shared.domain.audience.targeting import AudienceQuery, PartitionRange
from shared.domain.delivery.ledger import Target, sort_key
from shared.ports import AudiencePage, Counted, SnapshotTooOld
from shared.stores.device_codec import (
    DEVICES,
    DOMAINS_UNREADABLE,
    derived_from,
    device_from,
    target_from,
)

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
_NO_FIELDS: Raw = {}
_NULL: Raw = {"nullValue": None}
_NO_TEXT: Raw = {"stringValue": ""}
_OLD = re.compile(r"read.?time|snapshot", re.IGNORECASE)


class FirestoreAudience:
    """``devices``, by what ``on-device-written`` derived for them."""

    def __init__(self, rest: FirestoreRest) -> None:
        self._rest = rest

    def count(self, query: AudienceQuery) -> Counted:
        if query.hwid is not None:
            with _as_of(""):
                found = self._rest.batch_get([self._name(query.hwid)], _fields_for(query))
            chosen = [d for d in found.documents.values() if _selects(query, d)]
            return Counted(len(chosen), found.read_time)
        with _as_of(""):
            sums = self._rest.run_aggregation(selecting(query))
        return Counted(sums.numbers["count"], sums.read_time)

    def page(
        self,
        query: AudienceQuery,
        partitions: PartitionRange,
        after: str,
        limit: int,
        read_at: str,
    ) -> AudiencePage:
        if query.hwid is not None:
            return self._single(query, query.hwid, partitions, after, read_at)
        asked = selecting(query, partitions, limit=limit)
        if after:
            asked["startAt"] = {"values": self._cursor(query, after), "before": False}
        with _as_of(read_at):
            documents = self._rest.run_query(asked, read_time=read_at)
        last = _place(query, documents[-1]) if len(documents) == limit else None
        return AudiencePage(_targets(query, _kept(query, documents)), last)

    def _single(
        self, query: AudienceQuery, hwid: str, partitions: PartitionRange, after: str, read_at: str
    ) -> AudiencePage:
        """One device, found even before anything was derived for it."""
        partition = partition_of(hwid)
        key = sort_key(partition, hwid)
        if after >= key or not partitions.low <= partition < partitions.high:
            return AudiencePage((), None)
        with _as_of(read_at):
            document = self._rest.get(self._name(hwid), _fields_for(query), read_at)
        if document is None or not _selects(query, document):
            return AudiencePage((), None)
        return AudiencePage(((key, target_of(document)),), None)

    def _cursor(self, query: AudienceQuery, after: str) -> list[Raw]:
        if after.startswith("["):
            odd: list[Raw] = orjson.loads(after)
            return odd
        partition, _, hwid = after.partition("|")
        last = encode(hwid) if _times(query) else {"referenceValue": self._name(hwid)}
        return [encode(int(partition)), last]

    def _name(self, hwid: str) -> str:
        return self._rest.name(DEVICES, hwid)


def selecting(
    asked: AudienceQuery, partitions: PartitionRange | None = None, *, limit: int = 0
) -> Raw:
    """The structured query. A count orders too, so that the pages' index answers it."""
    texts = [each for each in asked.conditions if isinstance(each, Equals)]
    filters = [where("selectors", "ARRAY_CONTAINS_ANY", asked.selectors)]
    filters += [where(each.field, "EQUAL", each.value) for each in texts]
    if partitions is not None:
        filters.append(where("partition", "GREATER_THAN_OR_EQUAL", partitions.low))
        filters.append(where("partition", "LESS_THAN", partitions.high))
    order = ["partition", NAME]
    if times := _times(asked):
        filters += [where(each.field, "GREATER_THAN_OR_EQUAL", each.value) for each in times]
        order = ["partition", "hwid", *(each.field for each in times)]
    select = _fields_for(asked) if partitions else ()
    return query(DEVICES, *filters, order=order, select=select, limit=limit)


def _times(asked: AudienceQuery) -> list[Since]:
    return [each for each in asked.conditions if isinstance(each, Since)]


def _fields_for(asked: AudienceQuery) -> tuple[str, ...]:
    """Name what is read of each device: what sending needs, and what is decided here."""
    fields = dict.fromkeys(TARGET_FIELDS)
    if _times(asked):
        fields["hwid"] = None
    if asked.earlier:
        fields["selectors"] = None
    return tuple(fields | dict.fromkeys(_fields_that_decide(asked)))


def _fields_that_decide(asked: AudienceQuery) -> list[str]:
    return [name for each, _ in asked.undecided for name in each.reads]


@contextmanager
def _as_of(read_at: str) -> Iterator[None]:
    try:
        yield
    except (PreconditionFailed, BadRequest) as refused:
        old = isinstance(refused, PreconditionFailed) or _OLD.search(refused.told)
        if not read_at or not old:
            raise
        raise SnapshotTooOld(f"the audience is no longer kept as of {read_at}") from refused


# ---- pages -----------------------------------------------------------------------------------


def _kept(query: AudienceQuery, documents: Sequence[Raw]) -> Sequence[Raw]:
    """Leave out the devices that the query could not leave out."""
    if not query.undecided:
        return documents
    names = _fields_that_decide(query)
    return [document for document in documents if query.keeps(_device(document, names))]


def _targets(query: AudienceQuery, documents: Sequence[Raw]) -> tuple[tuple[str, Target], ...]:
    found = []
    for document in documents:
        selectors = document["fields"].get("selectors")
        if selectors and not query.first_to_select(_texts(selectors)):
            continue
        target = target_of(document)
        found.append((sort_key(partition_of(target.hwid), target.hwid), target))
    return tuple(found)


def _place(query: AudienceQuery, document: Raw) -> str:
    """Where the next page goes on, whether or not this document is one we can read."""
    fields = document["fields"]
    try:
        hwid = fields["hwid"]["stringValue"] if _times(query) else id_of(document)
        return sort_key(_partition(fields), hwid)
    except LookupError:
        odd = [fields["partition"], fields.get("hwid", {"referenceValue": document["name"]})]
        return orjson.dumps(odd).decode()


def _partition(fields: Raw) -> int:
    return int(fields["partition"]["integerValue"])


def _texts(values: Raw) -> list[str]:
    return [str(value.get("stringValue")) for value in values["arrayValue"].get("values", ())]


# ---- one device ------------------------------------------------------------------------------


def target_of(document: Raw) -> Target:
    """What sending needs of a device, whatever its document looks like."""
    try:
        target = _quickly(document)
    except (LookupError, TypeError, ValueError):
        return _carefully(document)
    return target if target.fits else _carefully(document)


def _quickly(document: Raw) -> Target:
    """For documents in their ordinary form; fails with one of Python's own errors for others."""
    fields = document.get("fields", _NO_FIELDS)
    if fields.get(DOMAINS_UNREADABLE, _NULL) != _NULL:
        raise ValueError("not in its ordinary form")
    name = document["name"]
    return Target(
        name[name.rindex("/") + 1 :],
        fields["platform"]["stringValue"],
        fields["locale"]["stringValue"] if "locale" in fields else "",
        _address(fields),
        fields["consent"]["booleanValue"] if "consent" in fields else True,
        _slot(fields) if "pendingNotificationAt" in fields else None,
        document["updateTime"],
    )


def _address(fields: Raw) -> PushAddress | None:
    token = fields["fcmToken"]["stringValue"] if "fcmToken" in fields else ""
    if "pushAddress" not in fields:
        return PushAddress(AddressKind.FCM, token) if token else None
    given = fields["pushAddress"]["mapValue"]["fields"]
    kind, value = _KINDS[given["kind"]["stringValue"]], given["value"]["stringValue"]
    if not value:
        raise ValueError("an empty address")
    if token and token != value and kind is AddressKind.FCM:
        return PushAddress(AddressKind.FCM, token)
    since = given.get("registeredAt")
    return PushAddress(
        kind,
        value,
        given["environment"]["stringValue"] if "environment" in given else "",
        None if since is None else moment(since["timestampValue"]),
    )


def _slot(fields: Raw) -> Slot:
    shown = fields.get("pendingNotificationId", _NO_TEXT)["stringValue"]
    return Slot(shown, moment(fields["pendingNotificationAt"]["timestampValue"]))


def _carefully(document: Raw) -> Target:
    fields = decode_fields(document)
    return target_from(id_of(document), fields, document["updateTime"])


def _selects(query: AudienceQuery, document: Raw) -> bool:
    """Decide on the plain fields of one device what the store decides for pages."""
    selectors = derived_from(id_of(document), decode_fields(document)).selectors
    return (
        not set(selectors).isdisjoint(query.selectors)
        and query.first_to_select(selectors)
        and query.keeps(_device(document, _fields_that_decide(query)))
    )


def _device(document: Raw, names: Sequence[str]) -> Device:
    """Read no more of a device than these fields: there are many on a page."""
    fields = document.get("fields", _NO_FIELDS)
    some = {"fields": {name: fields[name] for name in names if name in fields}}
    return device_from(id_of(document), decode_fields(some))
