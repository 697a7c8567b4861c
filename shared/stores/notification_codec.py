"""Notifications and their history, as documents."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic.alias_generators import to_camel

from shared.domain.audience.filters import Segment
from shared.domain.content.content import Content
from shared.domain.notifications.history import GENESIS, Entry
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import (
    FailureReason,
    Notification,
    NotificationId,
)
from shared.domain.notifications.queries import Decision
from shared.domain.tally import DIMENSIONS, TOTALS, Tally
from shared.stores.codec import Fields, Reader
from shared.stores.review_codec import (
    claim_fields,
    claim_from,
    endorsement_fields,
    endorsement_from,
    finding_fields,
    finding_from,
    looked_at_fields,
    looked_at_from,
)

NOTIFICATIONS = "pendingNotifications"
HISTORY = "history"
PLAN_DOMAINS, LOST_DOMAINS = "planDomains", "lostDomains"

_CONTENT = [to_camel(name) for name in Content.model_fields]


def _by_name_in_document(*names: str) -> Mapping[str, str]:
    return {to_camel(name): name for name in names}


_AUDIT = _by_name_in_document(
    "provider_id",
    "provider_email",
    "status",
    "created_at",
    "revision",
    "estimated_devices",
    "submitted_at",
    "moderated_at",
    "moderator_id",
    "moderator_comment",
    "auto_approved",
    "auto_approve_reason",
    "cancelled_at",
    "cancelled_by",
    "sending_at",
    "ended_at",
    "failure_reason",
    "counted_at",
)
_INTERNAL = _by_name_in_document(
    "plan_parts",
    "plan_domains",
    "read_at",
    "wake_at",
    "export_at",
    "sweeps",
    "history_count",
    "history_hash",
)
DECISION = (
    "providerId",
    "moderatorId",
    "status",
    "createdAt",
    "submittedAt",
    "moderatedAt",
    "endorsements",
)
"""The fields that ``decision_from`` reads."""


def notification_fields(notification: Notification) -> Fields:
    """Build the document of a notification."""
    claim, looked_at, segment = notification.claim, notification.looked_at, notification.segment
    return {
        **content_fields(notification.content),
        "targetSegment": None if segment is None else segment_fields(segment),
        "findings": [finding_fields(each) for each in notification.findings],
        **_named(notification, _AUDIT),
        **tally_fields(notification.tally),
        "lookedAt": looked_at and looked_at_fields(looked_at),
        "claim": claim and claim_fields(claim),
        "endorsements": [endorsement_fields(each) for each in notification.endorsements],
        **_named(notification, _INTERNAL),
        LOST_DOMAINS: list(notification.lost_domains) or None,
    }


def notification_from(id: str, document: Mapping[str, Any], version: str = "") -> Notification:
    """Read a notification."""
    reader = Reader(NOTIFICATIONS, id, document)
    segment = reader.map("targetSegment")
    return Notification(
        id=NotificationId(id),
        provider_id=reader.text("providerId"),
        provider_email=reader.text("providerEmail"),
        content=reader.model(Content, _CONTENT),
        segment=None if segment is None else segment.model(Segment),
        status=reader.choice("status", Status),
        created_at=reader.required_time("createdAt"),
        revision=reader.number("revision", 1),
        findings=tuple(finding_from(each) for each in reader.maps("findings")),
        looked_at=looked_at_from(reader.map("lookedAt")),
        estimated_devices=reader.number_or_none("estimatedDevices"),
        submitted_at=reader.time("submittedAt"),
        claim=claim_from(reader.map("claim")),
        endorsements=tuple(endorsement_from(each) for each in reader.maps("endorsements")),
        moderated_at=reader.time("moderatedAt"),
        moderator_id=reader.text_or_none("moderatorId"),
        moderator_comment=reader.text_or_none("moderatorComment"),
        auto_approved=reader.flag("autoApproved"),
        auto_approve_reason=reader.text_or_none("autoApproveReason"),
        cancelled_at=reader.time("cancelledAt"),
        cancelled_by=reader.text_or_none("cancelledBy"),
        sending_at=reader.time("sendingAt"),
        ended_at=reader.time("endedAt"),
        failure_reason=reader.choice_or_none("failureReason", FailureReason),
        tally=_tally_from(reader),
        counted_at=reader.time("countedAt"),
        plan_parts=reader.number("planParts"),
        plan_domains=reader.texts(PLAN_DOMAINS),
        lost_domains=reader.texts(LOST_DOMAINS),
        read_at=reader.text("readAt"),
        wake_at=reader.time("wakeAt"),
        export_at=reader.time("exportAt"),
        sweeps=reader.number("sweeps"),
        history_count=reader.number("historyCount"),
        history_hash=reader.text("historyHash", GENESIS),
        version=version,
    )


def status_from(id: str, document: Mapping[str, Any]) -> Status:
    """Read where a notification is in its life."""
    return Reader(NOTIFICATIONS, id, document).choice("status", Status)


def lost_domains_from(id: str, document: Mapping[str, Any]) -> tuple[str, ...]:
    """Read which domains were taken from its provider while it is sent."""
    return Reader(NOTIFICATIONS, id, document).texts(LOST_DOMAINS)


def is_planned_on(domain: str, document: Mapping[str, Any]) -> bool:
    """Tell whether a plan has the domain; one that cannot be read has none."""
    planned = document.get(PLAN_DOMAINS)
    return isinstance(planned, list) and domain in planned


def decision_from(id: str, document: Mapping[str, Any]) -> Decision:
    """Read what a moderator decided, when, and on what."""
    reader = Reader(NOTIFICATIONS, id, document)
    return Decision(
        provider_id=reader.text("providerId"),
        moderator_id=reader.text("moderatorId"),
        rejected=reader.choice("status", Status) is Status.REJECTED,
        submitted_at=reader.time("submittedAt") or reader.required_time("createdAt"),
        moderated_at=reader.required_time("moderatedAt"),
        endorsers=tuple(each.text("moderatorId") for each in reader.maps("endorsements")),
    )


def tally_fields(sums: Tally) -> Fields:
    """Write the counters of a notification."""
    counters = {f"{name}Count": number for name, number in sums.totals.items()}
    return {**counters, **sums.dimensions}


def _tally_from(reader: Reader) -> Tally:
    totals = {name: reader.number(f"{name}Count") for name in TOTALS}
    return Tally.of(totals, {name: reader.counts(name) for name in DIMENSIONS})


def content_fields(content: Content) -> Fields:
    """Write what a person will see."""
    return content.model_dump(by_alias=True)


def segment_fields(segment: Segment) -> Fields:
    """Write a ``targetSegment`` with the filters it gives."""
    given = segment.model_dump(by_alias=True, mode="json", exclude_none=True)
    return {name: value for name, value in given.items() if value != []}


def entry_fields(entry: Entry) -> Fields:
    """Build the document of one transition."""
    return {
        "number": entry.number,
        "move": entry.move,
        "from": _plain(entry.origin),
        "to": str(entry.status),
        "actor": entry.actor,
        "at": entry.at,
        "reason": entry.reason,
        "revision": entry.revision,
        "previous": entry.previous,
        "hash": entry.hash,
    }


def entry_from(notification: str, id: str, document: Mapping[str, Any]) -> Entry:
    """Read one link of a notification's history."""
    reader = Reader(f"{NOTIFICATIONS}/{notification}/{HISTORY}", id, document)
    return Entry(
        number=reader.number("number"),
        move=reader.text("move"),
        origin=reader.choice_or_none("from", Status),
        status=reader.choice("to", Status),
        actor=reader.text("actor"),
        at=reader.required_time("at"),
        reason=reader.text("reason"),
        revision=reader.number("revision", 1),
        previous=reader.text("previous", GENESIS),
        hash=reader.text("hash"),
    )


def _named(notification: Notification, names: Mapping[str, str]) -> Fields:
    return {shown: _plain(getattr(notification, name)) for shown, name in names.items()}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, StrEnum) else value
