"""How each kind of document is read, and what a write of all that was read makes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from functions.http.notification import notification_json
from shared.adapters.firestore.rest_values import Foreign, decode_fields, encode
from shared.domain.audience.device import DEFAULT_APP
from shared.domain.delivery.ledger import Batch, PlanPart, Target
from shared.domain.errors import Defect
from shared.domain.moments import moment_text
from shared.domain.notifications.history import Entry
from shared.domain.notifications.notification import Notification
from shared.ports.database import Document
from shared.stores import codec as stored
from shared.stores import device_codec as devices
from shared.stores import (
    domain_history,
    moderators,
    platform,
    posts,
    providers,
    replay_codec,
    review_policies,
    usage,
)
from shared.stores import (
    notification_codec as notifications,
)
from shared.stores.exports import export_fields, export_from
from shared.stores.field_paths import nested
from shared.stores.ledger_codec import (
    batch_fields,
    batch_from,
    part_fields,
    part_from,
    tally_from,
)
from shared.stores.provider_tokens import minted_from
from shared.stores.send_schedules import schedule_from
from tests.builders import NOON
from tests.recorded.pages import Fields, Json

MOST_SHOWN = 12
"""Of a larger batch the devices are not shown: that they are read, their being written shows."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A document as it is read. ``changes`` are the fields that a write of it would set (``None``:
    remove); ``None`` where nothing is ever written back as a whole.
    """

    read: Json
    changes: Mapping[str, Json] | None


def read(path: str, document: Fields) -> Reading:
    """Read one document as today's code does; a refusal to read it is a reading as well."""
    id = path.split("/")[-1]
    raw: Raw = {"name": f"x/documents/{path}", "fields": document, "updateTime": "v1"}
    plain = decode_fields(raw)
    reader = _KINDS.get("/".join(path.split("/")[::2])) or _PLATFORM[id]
    try:
        read, changes = reader(id, plain, raw)
    except Defect as defect:
        return Reading({"defect": str(defect)}, None)
    return Reading(_plain(read), changes)


Raw = dict[str, Any]
Answer = tuple[object, Mapping[str, Json] | None]


def _notification(id: str, plain: Raw, _: Raw) -> Answer:
    it = notifications.notification_from(id, plain)
    shown = {
        "api": {
            name: each for name, each in notification_json(it).items() if each not in (None, [], 0)
        },
        "review": {
            "claim": it.claim and _of(it.claim),
            "endorsements": [_of(each) for each in it.endorsements],
        },
        "decision": _or_defect(lambda: notifications.decision_from(id, plain)),
        "expiresAt": it.run and it.run.expires_at,
        "waitsSince": it.waits_since,
        "prevented": it.run.prevented if it.run else 0,
    }
    return shown, _encoded(stored.difference(plain, notifications.notification_fields(it)))


def _document(raw: Raw) -> Document:
    name = raw["name"].removeprefix("x/documents/")
    return Document(name, decode_fields(raw), raw["updateTime"])


def _entry(id: str, plain: Raw, raw: Raw) -> Answer:
    notification = raw["name"].split("/")[-3]
    it: Entry = notifications.entry_from(notification, id, plain)
    sound = it.sealed().hash == it.hash
    return {**_of(it), "sound": sound}, _encoded(
        stored.difference(plain, notifications.entry_fields(it))
    )


def _batch(_: str, plain: Raw, raw: Raw) -> Answer:
    it: Batch = batch_from(_document(raw))
    shown: dict[str, object] = {
        "state": it.state,
        "owner": [it.lease_owner, it.lease_until],
        "tried": [it.attempt, it.failed_rounds, it.reached, it.first_attempt_at],
        "due": [it.retry_at, it.wake_at, it.due_at(NOON)],
        "open": it.open_positions(),
        "next chunk": it.in_doubt(),
        "sums": it.tally,
        "sums it says itself": _or_defect(lambda: tally_from(_document(raw))),
    }
    if len(it.targets) <= MOST_SHOWN:
        shown["targets"] = [_target(each) for each in it.targets]
        shown["records"] = [_fields(each) for each in it.records]
    return shown, _raw_changes(raw["fields"], batch_fields(it), forgotten=("addresses",))


def _part(_: str, plain: Raw, raw: Raw) -> Answer:
    it: PlanPart = part_from(_document(raw))
    shown = {**_fields(it), "place": it.place, "due": [it.due(each) for each in it.unannounced]}
    return shown, _raw_changes(raw["fields"], part_fields(it))


def _device(id: str, plain: Raw, _: Raw) -> Answer:
    derived = devices.derived_fields(devices.derived_from(id, plain))
    shown = {
        "device": _fields(devices.device_from(id, plain)),
        "target": _target(devices.target_from(id, plain, "v1")),
        "reach": _fields(devices.reach_from(plain)),
        "domains": devices.domains_from(plain),
        "shows": devices.pending_from(plain, NOON),
    }
    return shown, _encoded(stored.difference(plain, derived))


def _target(it: Target) -> Json:
    whole = {
        **_fields(it),
        "heldBack": it.held_back,
        "outOfReach": "" if it.address else it.out_of_reach,
        "polls": it.polls,
    }
    return {name: value for name, value in whole.items() if value not in ("", False)}


def _secret(id: str, plain: Raw, _: Raw) -> Answer:
    it = devices.credential_from(id, plain)
    return it, _encoded(stored.difference(plain, devices.credential_fields(it)))


def _provider(id: str, plain: Raw, _: Raw) -> Answer:
    it = providers.provider_from(id, plain)
    return it, _encoded(providers.provider_changes(id, plain, it))


def _domain(id: str, plain: Raw, _: Raw) -> Answer:
    it = providers.domain_from(id, plain)
    return it, _encoded(providers.domain_changes(id, plain, it))


def _domain_history(id: str, plain: Raw, _: Raw) -> Answer:
    found = domain_history.readable_changes([(id, plain)])
    return found, None


def _key(id: str, plain: Raw, _: Raw) -> Answer:
    it = providers.api_key_from(id, plain)
    written = providers.api_key_fields(it.provider_id, it.name, it.created_at, it.made_by)
    return it, _encoded(stored.difference(plain, written))


def _replay(id: str, plain: Raw, _: Raw) -> Answer:
    it = replay_codec.replay_from(id, plain)
    return it, _encoded(stored.difference(plain, replay_codec.replay_fields(it)))


def _moderator(id: str, plain: Raw, _: Raw) -> Answer:
    if plain == moderators.REMOVED:
        return "removed", {}
    it = moderators.moderator_from(id, plain)
    return it, _encoded(stored.difference(plain, moderators.moderator_fields(it)))


def _usage(id: str, plain: Raw, _: Raw) -> Answer:
    expire_at = plain.get("expireAt")
    if id.endswith(".looks"):
        leases = usage.leases_from(id, plain)
        return leases, _encoded(stored.difference(plain, usage.lease_fields(leases, expire_at)))
    takers = usage.takers_from(id, plain)
    return takers, _encoded(stored.difference(plain, usage.usage_fields(takers, expire_at)))


def _post(id: str, plain: Raw, _: Raw) -> Answer:
    it = posts.post_from(id, plain)
    return it, _encoded(stored.difference(plain, posts.post_fields(it)))


def _prompt(id: str, plain: Raw, _: Raw) -> Answer:
    it = posts.prompt_from(id, plain)
    return it, _encoded(stored.difference(plain, posts.prompt_fields(it)))


def _send_schedule(_id: str, plain: Raw, _: Raw) -> Answer:
    return schedule_from(plain), None


def _export(id: str, plain: Raw, _: Raw) -> Answer:
    it = export_from(Document(f"exports/{id}", plain, "v1"))
    return it, _encoded(stored.difference(plain, export_fields(it)))


def _apns_token(_id: str, plain: Raw, _: Raw) -> Answer:
    it = minted_from(plain)
    return None if it is None else {"token": it.token, "at": it.at}, None


def _stop(_id: str, plain: Raw, _: Raw) -> Answer:
    return platform.stop_from(plain), None


def _policy(_id: str, plain: Raw, _: Raw) -> Answer:
    it = review_policies.policy_from(plain)
    written = review_policies.policy_fields(it)
    return written, _encoded(stored.difference(plain, written))


def _reminder(_id: str, plain: Raw, _: Raw) -> Answer:
    return review_policies.reminder_from(plain), None


def _room(_id: str, plain: Raw, _: Raw) -> Answer:
    it = posts.room_from(plain)
    return it, _encoded(stored.difference(plain, posts.room_fields(it)))


_N = "pendingNotifications"
_KINDS: Mapping[str, Callable[[str, Raw, Raw], Answer]] = {
    _N: _notification,
    f"{_N}/history": _entry,
    f"{_N}/batches": _batch,
    f"{_N}/parts": _part,
    "devices": _device,
    "deviceSecrets": _secret,
    "providers": _provider,
    "domains": _domain,
    "domainHistory": _domain_history,
    "apiKeys": _key,
    "idempotencyKeys": _replay,
    "moderators": _moderator,
    "usage": _usage,
    "moderationPosts": _post,
    "moderationPrompts": _prompt,
    "lanes": _send_schedule,
    "exports": _export,
    "apnsTokens": _apns_token,
}
_PLATFORM = {
    "stop": _stop,
    "moderation": _policy,
    "moderationReminder": _reminder,
    "telegram": _room,
}


# ---- as JSON ---------------------------------------------------------------------------------

_NAMED = {"run_id": "notification_id"}
"""The only run of a notification goes by the notification's id, in all that is seen."""


def _or_defect(look: Callable[[], object]) -> object:
    try:
        return look()
    except Defect as defect:
        return {"defect": str(defect)}
    except KeyError as missing:
        return {"missing": missing.args[0]}


def _encoded(changes: Mapping[str, object]) -> dict[str, Json]:
    return {name: None if it is None else encode(it) for name, it in changes.items()}


def _raw_changes(
    stored: Fields, written: Fields, *, forgotten: tuple[str, ...] = ()
) -> dict[str, Json]:
    """Compare with a write of everything; ``forgotten`` are removed where not written."""
    encoded = {name: encode(value) for name, value in nested(written).items()}
    removed = {name: None for name in forgotten if name in stored and name not in encoded}
    return {k: v for k, v in encoded.items() if stored.get(k) != v} | removed


def _of(record: object) -> dict[str, object]:
    """Name the fields of a record as the API does."""
    assert is_dataclass(record)
    return {to_camel(_NAMED.get(n := each.name, n)): getattr(record, n) for each in fields(record)}


def _fields(record: object) -> dict[str, Json]:
    """Leave out the fields that say nothing."""
    shown = {name: _plain(value) for name, value in _of(record).items()}
    silent: tuple[object, ...] = (None, "", [], {}, False, DEFAULT_APP)
    return {k: v for k, v in shown.items() if v not in silent and k != "version"}


def _plain(value: object) -> Json:
    match value:
        case datetime():
            return moment_text(value)
        case date():
            return value.isoformat()
        case StrEnum():
            return str(value)
        case BaseModel():
            return value.model_dump(mode="json", by_alias=True)
        case Mapping():
            return {str(name): _plain(each) for name, each in value.items()}
        case list() | tuple() | frozenset():
            return [_plain(each) for each in value]
    if isinstance(value, Foreign):
        return "foreign"
    if isinstance(value, Notification):
        return _plain(notification_json(value))
    return _fields(value) if is_dataclass(value) else value
