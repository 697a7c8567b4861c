"""The audience, read in pages by Firestore's REST API: the plan's cost per device is made here.

Ordering by name forbids a range on any field that is not ordered before it ("order by clause
cannot contain more fields after the key"). Where activity is asked for, devices are therefore
ordered by their field ``hwid``, which says the same as their name.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import orjson

from shared.adapters.documents.device import (
    DEVICES,
    DOMAINS_UNREADABLE,
    derived_from,
    device_from,
    target_from,
)
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
from shared.domain.audience.device import AddressKind, PushAddress, Slot, partition_of
from shared.domain.audience.targeting import AudienceQuery, PartitionRange
from shared.domain.delivery.ledger import Target, sort_key
from shared.ports import AudiencePage, Counted, SnapshotTooOld

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
PLAIN_FIELDS = ("domains", "selectors", "appVersion", "lastActiveAt")
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
                found = self._rest.batch_get([self._name(query.hwid)], _all_fields())
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
        return AudiencePage(_targets(query, documents), last)

    def _single(
        self, query: AudienceQuery, hwid: str, partitions: PartitionRange, after: str, read_at: str
    ) -> AudiencePage:
        """One device, found even before anything was derived for it."""
        partition = partition_of(hwid)
        key = sort_key(partition, hwid)
        if after >= key or not partitions.low <= partition < partitions.high:
            return AudiencePage((), None)
        with _as_of(read_at):
            document = self._rest.get(self._name(hwid), _all_fields(), read_at)
        if document is None or not _selects(query, document):
            return AudiencePage((), None)
        return AudiencePage(((key, target_of(document)),), None)

    def _cursor(self, query: AudienceQuery, after: str) -> list[Raw]:
        if after.startswith("["):
            odd: list[Raw] = orjson.loads(after)
            return odd
        partition, _, hwid = after.partition("|")
        named = query.active_since is None
        last = {"referenceValue": self._name(hwid)} if named else encode(hwid)
        return [encode(int(partition)), last]

    def _name(self, hwid: str) -> str:
        return self._rest.name(DEVICES, hwid)


def selecting(
    asked: AudienceQuery, partitions: PartitionRange | None = None, *, limit: int = 0
) -> Raw:
    """The structured query. A count orders too, so that the pages' index answers it."""
    filters = [where("selectors", "ARRAY_CONTAINS_ANY", asked.selectors)]
    if asked.platform is not None:
        filters.append(where("platform", "EQUAL", asked.platform))
    if asked.app_version is not None:
        filters.append(where("appVersion", "EQUAL", asked.app_version))
    if partitions is not None:
        filters.append(where("partition", "GREATER_THAN_OR_EQUAL", partitions.low))
        filters.append(where("partition", "LESS_THAN", partitions.high))
    order = ["partition", NAME]
    select = list(TARGET_FIELDS)
    if asked.active_since is not None:
        filters.append(where("lastActiveAt", "GREATER_THAN_OR_EQUAL", asked.active_since))
        order = ["partition", "hwid", "lastActiveAt"]
        select.append("hwid")
    if asked.earlier:
        select.append("selectors")
    return query(DEVICES, *filters, order=order, select=select if partitions else (), limit=limit)


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
        hwid = id_of(document) if query.active_since is None else fields["hwid"]["stringValue"]
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
    fields = decode_fields(document, moment)
    return target_from(id_of(document), fields, document["updateTime"])


def _selects(query: AudienceQuery, document: Raw) -> bool:
    """What the store decides for pages, decided here on the plain fields of one device."""
    hwid, fields = id_of(document), decode_fields(document, moment)
    device, selectors = device_from(hwid, fields), derived_from(hwid, fields).selectors
    return (
        not set(selectors).isdisjoint(query.selectors)
        and query.first_to_select(selectors)
        and query.platform in {None, device.platform}
        and query.app_version in {None, device.app_version}
        and _active(device.last_active_at, query.active_since)
    )


def _active(last: datetime | None, since: datetime | None) -> bool:
    return since is None or (last is not None and last >= since)


def _all_fields() -> tuple[str, ...]:
    return (*TARGET_FIELDS, *PLAIN_FIELDS)
