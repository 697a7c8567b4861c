"""The providers' door: everything about their notifications.

The routes about the provider's own account stand in ``_provider_account``; they enter themselves
into the same table.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from flask import Request, Response
from pydantic import BeforeValidator, Field
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from functions._answers import (
    EstimateAnswer,
    ExplanationAnswer,
    NotificationAnswer,
    NotificationsAnswer,
    StatsAnswer,
)
from functions._callers import Caller, anyone, provider
from functions._fields import Reason, ShortText, hwid_in
from functions._http import Given, MayBeLeftOut, Nothing
from functions._provider_account import DOOR
from functions._rest import Call, Reply
from functions._stats import explanation, stats
from shared.adapters.documents import to_json
from shared.domain.content import CompleteInput, Content, NotificationInput
from shared.domain.errors import FieldError, InvalidInput, Malformed
from shared.domain.lifecycle import Status
from shared.domain.notification import Notification, NotificationId
from shared.domain.targeting import Segment
from shared.flow import cancel as taking_back
from shared.flow import create as creating
from shared.flow.create import Once, check_fields, known_provider, owned
from shared.flow.estimate import estimate as estimated
from shared.flow.explain import explain as explained
from shared.ports import Wish
from shared.wiring import deliver_now, parts

PAGE_SIZE = 50


def _only_at_create(value: object) -> object:
    del value
    raise PydanticCustomError("unknown_field", "is not a field of this request")


class EditInput(NotificationInput):
    """The fields to change; those not given stay, and null clears one."""

    draft: Annotated[SkipJsonSchema[bool], BeforeValidator(_only_at_create)] = False


class EstimateInput(Given):
    """Who would be reached."""

    target_segment: Segment


class StopInput(MayBeLeftOut):
    """Why the distribution is halted."""

    reason: Reason = ""


class ListInput(Given):
    """Which notifications to list, newest first. ``q`` looks into titles and bodies."""

    status: Status | None = None
    kind: Literal["one-time"] | None = None
    q: ShortText = ""
    page_size: Annotated[int, Field(ge=1, le=100)] = PAGE_SIZE
    page_token: Annotated[str, Field(max_length=1024)] = ""


def provider_api(request: Request) -> Response:
    """Every request of the providers."""
    return DOOR.answer(request)


def _draft_or_complete(value: Mapping[str, object]) -> type[NotificationInput]:
    return NotificationInput if value.get("draft") is True else CompleteInput


def _foreign_domain(caller: Caller, value: Mapping[str, object]) -> Sequence[FieldError]:
    segment = value.get("targetSegment")
    name = segment.get("domain") if isinstance(segment, dict) else None
    if not isinstance(name, str) or not name:
        return ()
    providers = parts().providers
    owner, domains = known_provider(caller.id, providers), providers.domains_of(caller.id)
    try:
        check_fields(Content(), Segment.model_construct(domain=name.lower()), owner, domains)
    except InvalidInput as fault:
        return fault.errors
    return ()


@DOOR.route(
    "POST",
    "/v1/notifications",
    who=provider,
    given=NotificationInput,
    answer=NotificationAnswer,
    status=201,
    choose=_draft_or_complete,
    further=_foreign_domain,
    headers=("Idempotency-Key",),
)
def create(call: Call[NotificationInput]) -> Reply:
    """Submit a notification to moderation, send it to an admin HWID at once, or save a draft."""
    p = parts()
    answer = creating.create(
        call.given,
        provider_id=call.caller.id,
        once=_once(call),
        notifications=p.notifications,
        providers=p.providers,
        clock=p.clock,
        render=to_json,
        deliver_now=deliver_now,
    )
    return Reply(answer, 201, {"Location": f"notifications/{answer['id']}"})


@DOOR.route("GET", "/v1/notifications", who=provider, given=ListInput, answer=NotificationsAnswer)
def list_notifications(call: Call[ListInput]) -> Reply:
    """One page of the provider's notifications."""
    wish = Wish(
        provider_id=call.caller.id,
        status=call.given.status,
        text=call.given.q,
        page_size=call.given.page_size,
        page_token=call.given.page_token,
    )
    page = parts().notifications.of_provider(wish)
    shown = [to_json(each) for each in page.items]
    return Reply({"notifications": shown, "nextPageToken": page.next_token})


@DOOR.route(
    "GET", "/v1/notifications/<id:id>", who=provider, given=Nothing, answer=NotificationAnswer
)
def read(call: Call[Nothing]) -> Reply:
    """One notification with its counters."""
    return Reply(to_json(_mine(call)))


@DOOR.route(
    "PATCH",
    "/v1/notifications/<id:id>",
    who=provider,
    given=EditInput,
    answer=NotificationAnswer,
    further=_foreign_domain,
)
def edit(call: Call[EditInput]) -> Reply:
    """Change a draft, or a pending notification, which then is a new revision."""
    p = parts()
    edited = creating.edit(
        _id(call),
        call.given,
        provider_id=call.caller.id,
        notifications=p.notifications,
        providers=p.providers,
        clock=p.clock,
    )
    return Reply(to_json(edited))


@DOOR.route(
    "DELETE", "/v1/notifications/<id:id>", who=provider, given=Nothing, answer=None, status=204
)
def delete(call: Call[Nothing]) -> Reply:
    """Delete a draft."""
    creating.delete_draft(
        _id(call), provider_id=call.caller.id, notifications=parts().notifications
    )
    return Reply(None, 204)


@DOOR.route(
    "POST",
    "/v1/notifications/<id:id>/submit",
    who=provider,
    given=Nothing,
    answer=NotificationAnswer,
)
def submit(call: Call[Nothing]) -> Reply:
    """Send a draft to moderation, or to its admin HWID."""
    p = parts()
    submitted = creating.submit(
        _id(call),
        provider_id=call.caller.id,
        notifications=p.notifications,
        providers=p.providers,
        clock=p.clock,
        deliver_now=deliver_now,
    )
    return Reply(to_json(submitted))


@DOOR.route(
    "POST",
    "/v1/notifications/<id:id>/cancel",
    who=provider,
    given=Nothing,
    answer=NotificationAnswer,
)
def cancel(call: Call[Nothing]) -> Reply:
    """Take it back before it is sent."""
    p = parts()
    cancelled = taking_back.cancel(
        _id(call), provider_id=call.caller.id, notifications=p.notifications, clock=p.clock
    )
    return Reply(to_json(cancelled))


@DOOR.route(
    "POST",
    "/v1/notifications/<id:id>/stop",
    who=provider,
    given=StopInput,
    answer=NotificationAnswer,
)
def stop(call: Call[StopInput]) -> Reply:
    """Halt it while it is being sent; what was sent stays counted."""
    p = parts()
    stopped = taking_back.stop(
        _id(call),
        by=call.caller.actor,
        reason=call.given.reason,
        notifications=p.notifications,
        ledger=p.ledger,
        clock=p.clock,
    )
    return Reply(to_json(stopped))


@DOOR.route(
    "POST",
    "/v1/notifications/<id:id>/duplicate",
    who=provider,
    given=Nothing,
    answer=NotificationAnswer,
    status=201,
)
def duplicate(call: Call[Nothing]) -> Reply:
    """A new draft with the same content and target."""
    p = parts()
    copy = creating.duplicate(
        _id(call),
        provider_id=call.caller.id,
        notifications=p.notifications,
        providers=p.providers,
        clock=p.clock,
    )
    return Reply(to_json(copy), 201, {"Location": f"../{copy.id}"})


@DOOR.route(
    "GET", "/v1/notifications/<id:id>/stats", who=provider, given=Nothing, answer=StatsAnswer
)
def read_stats(call: Call[Nothing]) -> Reply:
    """The counters, and each error in a sentence."""
    return Reply(stats(_mine(call)))


@DOOR.route(
    "GET",
    "/v1/notifications/<id:id>/devices/<hwid>",
    who=provider,
    given=Nothing,
    answer=ExplanationAnswer,
)
def explain(call: Call[Nothing]) -> Reply:
    """Why one device got it, or did not."""
    p = parts()
    hwid = hwid_in(call.path)
    found = explained(
        _mine(call),
        hwid,
        providers=p.providers,
        devices=p.devices,
        ledger=p.ledger,
        clock=p.clock,
    )
    return Reply(explanation(hwid, found))


@DOOR.route(
    "POST",
    "/v1/estimates",
    who=provider,
    given=EstimateInput,
    answer=EstimateAnswer,
    further=_foreign_domain,
)
def estimate(call: Call[EstimateInput]) -> Reply:
    """How many devices a segment would reach, before anything is sent."""
    p = parts()
    found = estimated(
        call.given.target_segment,
        provider_id=call.caller.id,
        providers=p.providers,
        audience=p.audience,
        clock=p.clock,
    )
    return Reply(EstimateAnswer.of(found))


@DOOR.route("GET", "/openapi.json", who=anyone, given=Nothing, answer=None)
def openapi(call: Call[Nothing]) -> Reply:
    """This description."""
    from functions._openapi import description

    del call
    return Reply(description(DOOR))


def _id(call: Call[Any]) -> NotificationId:
    return NotificationId(call.path["id"])


def _mine(call: Call[Any]) -> Notification:
    return owned(parts().notifications.get(_id(call)), call.caller.id)


def _once(call: Call[NotificationInput]) -> Once | None:
    key = call.request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise Malformed("Idempotency-Key must be 1 to 255 printable ASCII characters")
    body = call.given.model_dump(mode="json", by_alias=True)
    return Once.of(call.caller.id, key, "create", body)
