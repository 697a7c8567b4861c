"""Things as they ordinarily are. A test names only what it is about."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from shared.domain.actors import Actor, Role
from shared.domain.audience.device import AddressKind, Device, Hwid, PushAddress, partition_of
from shared.domain.audience.filters import Segment
from shared.domain.content.content import Content, NotificationInput
from shared.domain.delivery.ledger import UNTRIED, Batch, BatchId, Record, Target, sort_key
from shared.domain.delivery.run import Run
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification, NotificationId
from shared.domain.providers.provider import Domain, Plan, Provider
from shared.stores.run_codec import RUN_STATUSES

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

PROVIDER = Actor(Role.PROVIDER, "p1")
MODERATOR = Actor(Role.MODERATOR, "m1")
OPERATOR = Actor(Role.OPERATOR, "o1")


def a_provider(uid: str = "p1", **fields: Any) -> Provider:
    """Build a premium provider."""
    return replace(Provider(uid, email=f"{uid}@example.com", is_premium=True), **fields)


def an_enterprise_provider(uid: str = "p1") -> Provider:
    return a_provider(uid, plan=Plan.ENTERPRISE)


def a_domain(name: str = "example.com", of: str = "p1", **fields: Any) -> Domain:
    """Build a verified domain of the provider."""
    return replace(Domain(name, of, is_verified=True), **fields)


def an_fcm_address(value: str = "token-1", **fields: Any) -> PushAddress:
    return replace(PushAddress(AddressKind.FCM, value), **fields)


def a_device(hwid: str = "phone-1", **fields: Any) -> Device:
    """Build an Android phone on example.com that a push reaches."""
    phone = Device(
        hwid=Hwid(hwid),
        platform="android",
        locale="en_US",
        app_version="2.5.6",
        domains=("example.com",),
        last_active_at=NOON,
        address=an_fcm_address(f"token-{hwid}"),
    )
    return replace(phone, **fields)


def a_desktop(hwid: str = "desktop-1", **fields: Any) -> Device:
    """Build a Linux desktop that polls."""
    return a_device(hwid, **{"platform": "linux", "address": None} | fields)


def a_segment(**fields: Any) -> Segment:
    """Build a segment of everybody, unless filters are given."""
    return Segment(**fields)


def some_content(**fields: Any) -> Content:
    return Content(**{"title": "Sale", "body": "Everything must go"} | fields)


def an_input(**fields: Any) -> NotificationInput:
    """Build the input by which a provider creates a notification for everybody."""
    ordinary: dict[str, Any] = {"title": "Sale", "body": "Everything must go"}
    return NotificationInput(**ordinary | {"target_segment": a_segment()} | fields)


def a_notification(id: str = "n1", status: Status | None = Status.PENDING) -> Notification:
    """Build a notification of provider p1 with the history it needs to be in ``status``."""
    fresh = Notification(
        id=NotificationId(id),
        provider_id="p1",
        provider_email="p1@example.com",
        content=some_content(),
        segment=a_segment(),
        status=None,
        created_at=NOON,
    )
    if status is None:
        return fresh
    if status is Status.DRAFT:
        return fresh.save_draft(PROVIDER, NOON).notification
    pending = fresh.submit(PROVIDER, NOON, admin_hwid=False).notification
    if status is Status.PENDING:
        return pending
    sending = pending.approve(MODERATOR, NOON).notification
    if status is Status.SENDING:
        return sending
    if status not in RUN_STATUSES:
        return replace(pending, status=status)
    began_never = replace(ran(sending), sending_at=None, wake_at=None)
    return replace(pending, status=status, run=replace(began_never, status=RUN_STATUSES[status]))


def ran(it: Notification) -> Run:
    """Return the only run of a notification that is to be sent, or was."""
    assert it.run is not None
    return it.run


def with_run(it: Notification, **changes: Any) -> Notification:
    """Return the notification, with a run that differs in these fields."""
    return replace(it, run=replace(ran(it), **changes))


def a_target(hwid: str = "phone-1", **fields: Any) -> Target:
    return replace(Target(hwid, "android", address=an_fcm_address(f"token-{hwid}")), **fields)


def a_batch(targets: Sequence[Target] = (), records: Sequence[Record] = (), **fields: Any) -> Batch:
    """Build a batch that was never claimed, of one phone unless told otherwise."""
    chosen = tuple(targets) or (a_target(),)
    batch = Batch(
        id=BatchId("0000-00-00000"),
        run_id="n1",
        stream=0,
        partition=0,
        first_key=sort_key(partition_of(chosen[0].hwid), chosen[0].hwid),
        targets=chosen,
        records=tuple(records) or (UNTRIED,) * len(chosen),
        created_at=NOON,
    )
    return replace(batch, **fields)
