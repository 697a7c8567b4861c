"""The operators' door: who may send, on which domains, who moderates, and the emergency brake.

Routes about moderation stand in ``moderation``, and enter themselves into the same table.
A PUT changes what it names and leaves the rest as it is: an operator who verifies a domain must
not wipe the admin HWIDs that its provider entered meanwhile.
"""

from datetime import timedelta
from typing import Annotated

from flask import Request, Response
from pydantic import Field
from pydantic.alias_generators import to_camel

from functions.http.answers import KeysAnswer
from functions.http.bodies import EmptyRequest, OptionalRequest, RequestModel
from functions.http.callers import operator
from functions.http.fields import (
    AdminHwidsInput,
    Days,
    DeepLinkSchemes,
    MemberText,
    Reason,
    ShortText,
    domain_in,
    hwid_in,
    with_notes,
)
from functions.http.logs import log
from functions.http.notification import StoppedAnswer, stopped_json
from functions.http.routes import Call, Reply
from functions.operator import moderation  # noqa: F401 - its routes
from functions.operator.answers import (
    DomainEntryAnswer,
    DomainHistoryAnswer,
    ManagedProviderAnswer,
    OwnedDomainAnswer,
    StopAnswer,
)
from functions.operator.door import DOOR, Email, sent_fields
from shared.domain.notifications.notification import NotificationId
from shared.domain.providers.provider import (
    HIGHEST_DEVICES_PER_MINUTE,
    HIGHEST_LIMIT,
    MOST_MEMBERS,
    Plan,
)
from shared.flow.audience import devices
from shared.flow.delivery import lost_domain
from shared.flow.delivery.cancel import stop
from shared.flow.providers import operate
from shared.settings.hidden import hidden
from shared.wiring import parts

Most = Annotated[int, Field(ge=0, le=HIGHEST_LIMIT)]


class LimitsInput(RequestModel):
    """A provider's own limits; those left out are its plan's."""

    pending_at_once: Most = 0
    submissions_per_day: Most = 0
    admin_sends_per_hour: Most = 0
    devices_per_minute: Annotated[int, Field(ge=1, le=HIGHEST_DEVICES_PER_MINUTE)] = 1
    drafts: Most = 0
    drafts_per_minute: Most = 0
    api_keys: Most = 0
    api_keys_per_minute: Most = 0
    estimates_per_minute: Most = 0
    searches_per_minute: Most = 0


class ProviderInput(RequestModel):
    """An operator's decisions about a provider."""

    email: Email = ""
    name: ShortText = ""
    is_premium: bool = False
    plan: Plan = Plan.PREMIUM
    limits: LimitsInput = LimitsInput()
    members: Annotated[tuple[MemberText, ...], Field(max_length=MOST_MEMBERS)] = ()


class DomainInput(RequestModel):
    """An operator's decisions about a domain; a new one needs its owner."""

    provider_id: ShortText = ""
    is_verified: bool = False
    admin_hwids: AdminHwidsInput = ()
    deep_link_schemes: DeepLinkSchemes = ()


class HistoryInput(RequestModel):
    """The days to look back."""

    days: Days = 30


class StopSwitchInput(RequestModel):
    """The new state of the stop switch, and why."""

    stopped: bool
    reason: Reason = ""


class StopInput(OptionalRequest):
    """The reason for halting a distribution."""

    reason: Reason = ""


def operator_api(request: Request) -> Response:
    """Answer every request of the operators."""
    return DOOR.respond(request)


@DOOR.route(
    "GET",
    "/v1/providers/<account:uid>",
    who=operator,
    input=EmptyRequest,
    answer=ManagedProviderAnswer,
)
def read_provider(call: Call[EmptyRequest]) -> Reply:
    """Read a provider."""
    found = operate.provider(call.path["uid"], providers=parts().providers)
    return Reply(ManagedProviderAnswer.of(found))


@DOOR.route(
    "PUT",
    "/v1/providers/<account:uid>",
    who=operator,
    input=ProviderInput,
    answer=ManagedProviderAnswer,
)
def put_provider(call: Call[ProviderInput]) -> Reply:
    """Set premium, plan, limits, members; a provider that is not there yet is created."""
    fields = sent_fields(call.input)
    if "limits" in fields:
        own = sent_fields(fields["limits"])
        fields["limits"] = tuple((to_camel(name), most) for name, most in own.items())
    put = operate.put_provider(call.path["uid"], fields, providers=parts().providers)
    return Reply(ManagedProviderAnswer.of(put))


@DOOR.route(
    "GET", "/v1/providers/<account:uid>/keys", who=operator, input=EmptyRequest, answer=KeysAnswer
)
def read_keys(call: Call[EmptyRequest]) -> Reply:
    """List a provider's API keys, without the keys, and which account made each."""
    providers = parts().providers
    found = operate.provider(call.path["uid"], providers=providers)
    return Reply(KeysAnswer.of(providers.keys_of(found.uid)))


@DOOR.route(
    "DELETE",
    "/v1/providers/<account:uid>/keys/<id:id>",
    who=operator,
    input=EmptyRequest,
    answer=None,
    status=204,
)
def delete_key(call: Call[EmptyRequest]) -> Reply:
    """Delete one of a provider's API keys."""
    parts().providers.delete_key(call.path["id"], call.path["uid"])
    return Reply(None, 204)


@DOOR.route(
    "GET", "/v1/domains/<domain>", who=operator, input=EmptyRequest, answer=OwnedDomainAnswer
)
def read_domain(call: Call[EmptyRequest]) -> Reply:
    """Read a domain."""
    found = operate.domain(domain_in(call.path), providers=parts().providers)
    return Reply(OwnedDomainAnswer.of(found))


@DOOR.route(
    "PUT", "/v1/domains/<domain>", who=operator, input=DomainInput, answer=OwnedDomainAnswer
)
def put_domain(call: Call[DomainInput]) -> Reply:
    """Set owner, verification and admin HWIDs; a domain that is not there yet is created. With a
    new owner the former one's admin HWIDs are gone. What is on its way to a domain that its
    provider has no more, or not verified, ends.
    """
    put = lost_domain.put_domain(
        domain_in(call.path),
        with_notes(sent_fields(call.input)),
        by=call.caller.actor,
        needs=parts(),
    )
    return Reply(OwnedDomainAnswer.of(put))


@DOOR.route(
    "DELETE", "/v1/domains/<domain>", who=operator, input=EmptyRequest, answer=None, status=204
)
def delete_domain(call: Call[EmptyRequest]) -> Reply:
    """Delete a domain, and end what is on its way to it; doing it twice is harmless. Its history
    stays.
    """
    lost_domain.delete_domain(domain_in(call.path), by=call.caller.actor, needs=parts())
    return Reply(None, 204)


@DOOR.route(
    "GET",
    "/v1/domains/<domain>/history",
    who=operator,
    input=HistoryInput,
    answer=DomainHistoryAnswer,
)
def read_domain_history(call: Call[HistoryInput]) -> Reply:
    """List who changed the domain's admin HWIDs, the latest first; also of one that is gone."""
    p = parts()
    since = p.clock.now() - timedelta(days=call.input.days)
    entries = p.providers.domain_history(domain_in(call.path), since)
    return Reply(DomainHistoryAnswer(entries=[DomainEntryAnswer.of(each) for each in entries]))


@DOOR.route("GET", "/v1/stop", who=operator, input=EmptyRequest, answer=StopAnswer)
def read_stop(call: Call[EmptyRequest]) -> Reply:
    """Tell whether the platform is stopped."""
    del call
    return Reply(StopAnswer(stopped=parts().stop_switch.is_on()))


@DOOR.route("PUT", "/v1/stop", who=operator, input=StopSwitchInput, answer=StopAnswer)
def put_stop(call: Call[StopSwitchInput]) -> Reply:
    """Stop all sending, or let it go on."""
    p = parts()
    operate.turn_stop_switch(
        call.input.stopped, by=call.caller.actor, reason=call.input.reason, needs=p
    )
    return Reply(StopAnswer(stopped=call.input.stopped))


@DOOR.route(
    "POST",
    "/v1/notifications/<id:id>/stop",
    who=operator,
    input=StopInput,
    answer=StoppedAnswer,
)
def stop_notification(call: Call[StopInput]) -> Reply:
    """Halt one distribution, whoever's it is."""
    p = parts()
    stopped = stop(
        NotificationId(call.path["id"]), by=call.caller.actor, reason=call.input.reason, needs=p
    )
    return Reply(stopped_json(stopped))


@DOOR.route(
    "POST", "/v1/devices/<hwid>/reset", who=operator, input=EmptyRequest, answer=None, status=204
)
def reset_device(call: Call[EmptyRequest]) -> Reply:
    """Give a hwid up to whoever registers it next. Its secret, its tokens and what is stored of it
    end, but for a withdrawn consent; doing it twice is harmless.
    """
    hwid = hwid_in(call.path)
    devices.reset(hwid, devices=parts().devices)
    log("INFO", "a device was reset", actor=str(call.caller.actor), device=hidden(hwid))
    return Reply(None, 204)
