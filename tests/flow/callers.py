"""What providers, moderators and operators do to notifications: the verbs, their ports filled."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from functions.http.notification import notification_json
from functions.provider.deliver_now import deliver_now
from shared.domain.actors import Actor, Role
from shared.domain.content.content import NotificationInput
from shared.domain.delivery.ledger import Record
from shared.domain.notifications.notification import Notification, NotificationId
from shared.domain.notifications.queries import Page
from shared.flow.delivery import cancel as taking_back
from shared.flow.delivery.reach_once import reach_once
from shared.flow.moderation import moderate
from shared.flow.notifications import create as creating
from shared.flow.notifications.once import Once
from shared.flow.notifications.to_own_devices import send_test
from shared.wiring import counting, replaced
from tests.builders import MODERATOR, an_input
from tests.flow.parts import SimulatedParts


class Callers:
    """``by`` is the provider that calls."""

    parts: SimulatedParts

    def create(
        self,
        request: NotificationInput | None = None,
        *,
        by: str = "p1",
        once: Once | None = None,
    ) -> Mapping[str, Any]:
        p = self.parts
        with replaced(p):
            return creating.create(
                request or an_input(),
                provider_id=by,
                once=once,
                checks=p.checks,
                render=notification_json,
                deliver_now=deliver_now,
                needs=p,
            )

    def submit(self, id: NotificationId, *, by: str = "p1") -> Notification:
        p = self.parts
        with replaced(p):
            return creating.submit(
                id, provider_id=by, checks=p.checks, deliver_now=deliver_now, needs=p
            )

    def edit(
        self, id: NotificationId, request: NotificationInput | None = None, *, by: str = "p1"
    ) -> Notification:
        p = self.parts
        return creating.edit(
            id,
            request or NotificationInput(title="Edited"),
            provider_id=by,
            checks=p.checks,
            needs=p,
        )

    def duplicate(self, id: NotificationId, *, by: str = "p1") -> Notification:
        p = self.parts
        return creating.duplicate(id, provider_id=by, needs=p)

    def test(
        self, id: NotificationId, *hwids: str, by: str = "p1", seconds: float = 60.0
    ) -> Mapping[str, Record]:
        p = self.parts
        results = send_test(
            id,
            hwids,
            by=Actor(Role.PROVIDER, by),
            reach=partial(reach_once, needs=p, seconds=seconds),
            needs=p,
        )
        return {each.hwid: each.record for each in results}

    def delete(self, id: NotificationId, *, by: str = "p1") -> None:
        creating.delete_draft(id, provider_id=by, notifications=self.parts.notifications)

    def queue(self) -> list[Notification]:
        return [it.notification for it in self.queue_page().items]

    def queue_page(
        self, *, by: Actor = MODERATOR, **filters: Any
    ) -> Page[moderate.QueuedNotification]:
        p = self.parts
        return moderate.queue(moderate.ModerationQuery(**filters), by=by, needs=p)

    def claim(self, id: NotificationId, *, by: Actor = MODERATOR, email: str = "") -> Notification:
        p = self.parts
        return moderate.claim(id, by=by, email=email, needs=p)

    def release(self, id: NotificationId, *, by: Actor = MODERATOR) -> Notification:
        p = self.parts
        return moderate.release(id, by=by, needs=p)

    def approve(
        self,
        id: NotificationId,
        *,
        by: Actor = MODERATOR,
        email: str = "",
        revision: int | None = None,
    ) -> Notification:
        p = self.parts
        return moderate.approve(
            id,
            by=by,
            email=email,
            revision=revision,
            count_devices=counting(p),
            needs=p,
        )

    def reject(
        self,
        id: NotificationId,
        comment: str = "no",
        *,
        by: Actor = MODERATOR,
        email: str = "",
        template: str | None = None,
        revision: int | None = None,
    ) -> Notification:
        p = self.parts
        return moderate.reject(
            id,
            comment,
            by=by,
            email=email,
            template=template,
            revision=revision,
            needs=p,
        )

    def cancel(self, id: NotificationId, *, by: str = "p1") -> Notification:
        p = self.parts
        return taking_back.cancel(id, provider_id=by, needs=p)

    def stop(self, id: NotificationId, *, by: str = "p1") -> Notification:
        return self.stop_as(Actor(Role.PROVIDER, by), id)

    def stop_as(self, by: Actor, id: NotificationId, reason: str = "") -> Notification:
        p = self.parts
        return taking_back.stop(id, by=by, reason=reason, needs=p)
