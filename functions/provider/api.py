"""The providers' door: everything about their notifications.

Routes about the provider's account and about numbers stand in ``account`` and ``insight``,
and enter themselves into the same table.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache, partial
from typing import Annotated, Literal

from flask import Request, Response
from pydantic import BeforeValidator, Field
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from functions.http.bodies import EmptyRequest, OptionalRequest, RequestModel
from functions.http.callers import anyone, provider
from functions.http.fields import HwidText, Reason, ShortText
from functions.http.notification import (
    NotificationAnswer,
    StoppedAnswer,
    notification_json,
    stopped_json,
)
from functions.http.routes import Call, Choice, Reply
from functions.provider import account, insight  # noqa: F401 - their routes
from functions.provider.answers import DescriptionAnswer, NotificationsAnswer, SentTestAnswer
from functions.provider.deliver_now import deliver_now
from functions.provider.door import DOOR, foreign_domain, mine, notification_id, owner
from shared.domain.content.content import CompleteInput, NotificationInput
from shared.domain.errors import Malformed
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.queries import NotificationQuery
from shared.domain.providers.admin_hwids import MOST_DEVICES_PER_DAY
from shared.domain.providers.provider import Limit
from shared.flow.delivery import cancel as taking_back
from shared.flow.notifications import create as creating
from shared.flow.notifications import to_own_devices
from shared.flow.notifications.once import Once
from shared.flow.providers.entitled import known_provider
from shared.flow.providers.rates import check_rate
from shared.wiring import checks, parts

PAGE_SIZE = 50
DESCRIPTION_SECONDS = 3600


def _only_at_create(value: object) -> object:
    del value
    raise PydanticCustomError("unknown_field", "is not a field of this request")


class EditInput(NotificationInput):
    """The fields to change; those not given stay, and null clears one."""

    draft: Annotated[SkipJsonSchema[bool], BeforeValidator(_only_at_create)] = False


class StopInput(OptionalRequest):
    """Why the distribution is halted."""

    reason: Reason = ""


class SendTestInput(OptionalRequest):
    """The admin HWIDs to send to; all there are unless some are named."""

    hwids: (
        Annotated[tuple[HwidText, ...], Field(min_length=1, max_length=MOST_DEVICES_PER_DAY)] | None
    ) = None


class ListInput(RequestModel):
    """Which notifications to list, newest first. ``q`` looks into titles and bodies."""

    status: Status | None = None
    kind: Literal["one-time"] | None = None
    q: ShortText = ""
    page_size: Annotated[int, Field(ge=1, le=100)] = PAGE_SIZE
    page_token: Annotated[str, Field(max_length=1024)] = ""


def provider_api(request: Request) -> Response:
    """Answer every request of the providers."""
    return DOOR.respond(request)


def _draft_or_complete(value: Mapping[str, object]) -> type[NotificationInput]:
    return NotificationInput if value.get("draft") is True else CompleteInput


@DOOR.route(
    "POST",
    "/v1/notifications",
    who=provider,
    input=NotificationInput,
    answer=NotificationAnswer,
    status=201,
    choice=Choice((CompleteInput, NotificationInput), _draft_or_complete),
    further=foreign_domain,
    headers=("Idempotency-Key",),
)
def create(call: Call[NotificationInput]) -> Reply:
    """Submit a notification to moderation, send it to an admin HWID at once, or save a draft."""
    p = parts()
    answer = creating.create(
        call.input,
        provider_id=call.caller.id,
        once=_once(call),
        checks=checks(p),
        render=notification_json,
        deliver_now=deliver_now,
        needs=p,
    )
    return Reply(answer, 201, {"Location": f"notifications/{answer['id']}"})


@DOOR.route("GET", "/v1/notifications", who=provider, input=ListInput, answer=NotificationsAnswer)
def list_notifications(call: Call[ListInput]) -> Reply:
    """One page of the provider's notifications; a search reads many to find few."""
    if call.input.q:
        p = parts()
        owner = known_provider(call.caller.id, p.providers)
        check_rate(owner, Limit.SEARCHES_PER_MINUTE, p.rates)
    wish = NotificationQuery(
        provider_id=call.caller.id,
        status=call.input.status,
        text=call.input.q,
        page_size=call.input.page_size,
        page_token=call.input.page_token,
    )
    page = parts().notifications.of_provider(wish)
    shown = [notification_json(each) for each in page.items]
    return Reply({"notifications": shown, "nextPageToken": page.next_token})


@DOOR.route(
    "GET", "/v1/notifications/<id:id>", who=provider, input=EmptyRequest, answer=NotificationAnswer
)
def read(call: Call[EmptyRequest]) -> Reply:
    """One notification with its counters."""
    return Reply(notification_json(mine(call)))


@DOOR.route(
    "PATCH",
    "/v1/notifications/<id:id>",
    who=provider,
    input=EditInput,
    answer=NotificationAnswer,
    further=foreign_domain,
)
def edit(call: Call[EditInput]) -> Reply:
    """Change a draft, or a pending notification, which then is a new revision."""
    p = parts()
    edited = creating.edit(
        notification_id(call), call.input, provider_id=call.caller.id, checks=checks(p), needs=p
    )
    return Reply(notification_json(edited))


@DOOR.route(
    "DELETE", "/v1/notifications/<id:id>", who=provider, input=EmptyRequest, answer=None, status=204
)
def delete(call: Call[EmptyRequest]) -> Reply:
    """Delete a draft."""
    creating.delete_draft(
        notification_id(call), provider_id=call.caller.id, notifications=parts().notifications
    )
    return Reply(None, 204)


@DOOR.route(
    "POST",
    "/v1/notifications/<id:id>/submit",
    who=provider,
    input=EmptyRequest,
    answer=NotificationAnswer,
)
def submit(call: Call[EmptyRequest]) -> Reply:
    """Send a draft to moderation, or to its admin HWID."""
    p = parts()
    submitted = creating.submit(
        notification_id(call),
        provider_id=call.caller.id,
        checks=checks(p),
        deliver_now=deliver_now,
        needs=p,
    )
    return Reply(notification_json(submitted))


@DOOR.route(
    "POST",
    "/v1/notifications/<id:id>/cancel",
    who=owner,
    input=EmptyRequest,
    answer=NotificationAnswer,
)
def cancel(call: Call[EmptyRequest]) -> Reply:
    """Take it back before it is sent."""
    p = parts()
    cancelled = taking_back.cancel(notification_id(call), provider_id=call.caller.id, needs=p)
    return Reply(notification_json(cancelled))


@DOOR.route(
    "POST",
    "/v1/notifications/<id:id>/stop",
    who=owner,
    input=StopInput,
    answer=StoppedAnswer,
)
def stop(call: Call[StopInput]) -> Reply:
    """Halt it while it is being sent; what was sent stays counted."""
    p = parts()
    stopped = taking_back.stop(
        notification_id(call), by=call.caller.actor, reason=call.input.reason, needs=p
    )
    return Reply(stopped_json(stopped))


@DOOR.route(
    "POST",
    "/v1/notifications/<id:id>/duplicate",
    who=provider,
    input=EmptyRequest,
    answer=NotificationAnswer,
    status=201,
)
def duplicate(call: Call[EmptyRequest]) -> Reply:
    """A new draft with the same content and target."""
    p = parts()
    copy = creating.duplicate(notification_id(call), provider_id=call.caller.id, needs=p)
    return Reply(notification_json(copy), 201, {"Location": f"../{copy.id}"})


@DOOR.route(
    "POST",
    "/v1/notifications/<id:id>/test",
    who=provider,
    input=SendTestInput,
    answer=SentTestAnswer,
)
def send_test(call: Call[SendTestInput]) -> Reply:
    """Send what is saved to the provider's own devices, all its admin HWIDs or those named."""
    from shared.flow.delivery.reach_once import reach_once  # few processes ever send a test

    p = parts()
    results = to_own_devices.send_test(
        notification_id(call),
        call.input.hwids or (),
        by=call.caller.actor,
        reach=partial(reach_once, needs=p),
        needs=p,
    )
    return Reply(SentTestAnswer.of(results))


@DOOR.route(
    "GET",
    "/openapi.json",
    who=anyone,
    input=EmptyRequest,
    answer=DescriptionAnswer,
    others=(304,),
)
def openapi(call: Call[EmptyRequest]) -> Reply:
    """This description, the same until the next deployment."""
    text, tag = _description()
    headers = {"Cache-Control": f"public, max-age={DESCRIPTION_SECONDS}", "ETag": f'"{tag}"'}
    if call.request.if_none_match.contains_weak(tag):
        return Reply(None, 304, headers)
    return Reply(text, 200, headers)


@cache
def _description() -> tuple[str, str]:
    """Return the description as JSON, with its digest; built once by each process."""
    from functions.http.openapi import description

    document = description(DOOR.function, DOOR.routes)
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text, hashlib.sha256(text.encode()).hexdigest()[:32]


def _once(call: Call[NotificationInput]) -> Once | None:
    key = call.request.headers.get("Idempotency-Key")
    if key is None:
        return None
    key = key.strip()
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise Malformed("Idempotency-Key must be 1 to 255 printable ASCII characters")
    body = call.input.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return Once.of(call.caller.id, key, "create", body)
