"""The common part of ``provider-api``'s routes: the table, and the check of the owner."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Request

from functions.http.api import Door
from functions.http.bearer import bearer
from functions.http.callers import Caller, Path, provider
from functions.http.routes import Call
from shared.domain.actors import Role
from shared.domain.audience.filters import Segment
from shared.domain.content.content import Content
from shared.domain.errors import FieldError, Forbidden, InvalidInput, NotFound
from shared.domain.links.domain_names import domain_name
from shared.domain.notifications.notification import Notification, NotificationId
from shared.flow.notifications.content_rules import check_fields
from shared.flow.providers.entitled import known_provider, owned
from shared.flow.providers.keys import KEY_PREFIX
from shared.wiring import parts

DOOR = Door("provider-api", browsers=True)


def owner(request: Request, path: Path) -> Caller:
    """Let a provider call; of a notification of its own, also an account that is none any more.

    What waits for a decision, or is being sent, can always be taken back by whoever sent it.
    """
    try:
        return provider(request, path)
    except Forbidden as refusal:
        if refusal.code != "notAProvider" or not _is_its_own(request, path):
            raise
    return Caller(Role.PROVIDER, _uid(request))


def notification_id(call: Call[Any]) -> NotificationId:
    """Read the id in the path."""
    return NotificationId(call.path["id"])


def mine(call: Call[Any]) -> Notification:
    """Read the notification in the path, if it is the caller's."""
    return owned(parts().notifications.get(notification_id(call)), call.caller.id)


def _is_its_own(request: Request, path: Path) -> bool:
    if bearer(request).startswith(KEY_PREFIX):
        return False
    try:
        found = parts().notifications.get(NotificationId(path["id"]))
    except NotFound:
        return False
    return found.provider_id == _uid(request)


def _uid(request: Request) -> str:
    return parts().identities.verify_user(bearer(request)).uid


def foreign_domain(caller: Caller, value: Mapping[str, object]) -> Sequence[FieldError]:
    """Find the one fault of a body that only the caller's domains show."""
    segment = value.get("targetSegment")
    name = segment.get("domain") if isinstance(segment, dict) else None
    if not isinstance(name, str) or not name:
        return ()
    providers = parts().providers
    owner, domains = known_provider(caller.id, providers), providers.domains_of(caller.id)
    try:
        check_fields(Content(), Segment.model_construct(domain=domain_name(name)), owner, domains)
    except InvalidInput as fault:
        return fault.errors
    return ()
