"""Notifications and their history, as documents."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from pydantic.alias_generators import to_camel

from shared.domain.audience.filters import Segment
from shared.domain.content.content import Content
from shared.domain.notifications.history import GENESIS, ChainHead, Entry
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification, NotificationId
from shared.domain.notifications.queries import Decision
from shared.stores.codec import Fields, Reader
from shared.stores.review_codec import (
    cancellation_from,
    claim_fields,
    claim_from,
    endorsement_fields,
    endorsement_from,
    finding_fields,
    finding_from,
    looked_at_fields,
    looked_at_from,
)
from shared.stores.run_codec import only_run_from, outcome_fields, plan_fields

NOTIFICATIONS = "pendingNotifications"
HISTORY = "history"

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
    cancellation = notification.cancellation
    return {
        **content_fields(notification.content),
        "targetSegment": None if segment is None else segment_fields(segment),
        "findings": [finding_fields(each) for each in notification.findings],
        **_named(notification, _AUDIT),
        "cancelledAt": cancellation and cancellation.at,
        "cancelledBy": cancellation and cancellation.by,
        **outcome_fields(notification.run),
        "lookedAt": looked_at and looked_at_fields(looked_at),
        "claim": claim and claim_fields(claim),
        "endorsements": [endorsement_fields(each) for each in notification.endorsements],
        **plan_fields(notification.run),
        "exportAt": notification.export_at,
        "historyCount": notification.head.count,
        "historyHash": notification.head.hash,
    }


def notification_from(id: str, document: Mapping[str, Any], version: str = "") -> Notification:
    """Read a notification."""
    reader = Reader(NOTIFICATIONS, id, document)
    segment = reader.map("targetSegment")
    it = Notification(
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
        cancellation=cancellation_from(reader),
        export_at=reader.time("exportAt"),
        head=ChainHead(reader.number("historyCount"), reader.text("historyHash", GENESIS)),
        version=version,
    )
    return replace(it, run=only_run_from(it, reader))


def status_from(id: str, document: Mapping[str, Any]) -> Status:
    """Read where a notification is in its life."""
    return Reader(NOTIFICATIONS, id, document).choice("status", Status)


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
