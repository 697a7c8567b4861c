"""The part of ``provider-api`` that is about the provider: who it is, its domains and its keys."""

from typing import Annotated

from functions.http.answers import DomainAnswer, KeysAnswer, ProviderAnswer, Sentence
from functions.http.bodies import EmptyRequest, RequestModel
from functions.http.callers import provider, provider_in_person, provider_just_signed_in
from functions.http.fields import (
    AdminHwidsInput,
    DeepLinkSchemes,
    ShortText,
    VisibleText,
    domain_in,
    with_notes,
)
from functions.http.notification import notification_json
from functions.http.routes import Call, Reply
from functions.provider.answers import (
    DashboardAnswer,
    DomainsAnswer,
    EntitlementsAnswer,
    MeAnswer,
    NewKeyAnswer,
)
from functions.provider.door import DOOR
from shared.domain.notifications.queries import NotificationQuery
from shared.domain.providers.provider import (
    Limit,
    may_force_timer,
    missing_to_send,
)
from shared.flow.providers import keys as api_keys
from shared.flow.providers import operate
from shared.flow.providers.entitled import known_provider
from shared.flow.providers.rates import check_rate
from shared.wiring import parts

LATEST = 10


class OwnDomainInput(RequestModel):
    """The devices that a domain's provider may send to without moderation, and the schemes of its
    own apps; what is left out stays as it is.
    """

    admin_hwids: AdminHwidsInput = ()
    deep_link_schemes: DeepLinkSchemes = ()


class KeyInput(RequestModel):
    """What the provider calls the key."""

    name: Annotated[ShortText, VisibleText]


@DOOR.route("GET", "/v1/me", who=provider, input=EmptyRequest, answer=MeAnswer)
def me(call: Call[EmptyRequest]) -> Reply:
    """Who asks, what it may do, and what is missing to send."""
    providers = parts().providers
    found = known_provider(call.caller.id, providers)
    missing = missing_to_send(found, providers.domains_of(found.uid))
    entitlements = EntitlementsAnswer(
        send=not missing,
        force_timer=may_force_timer(found),
        missing=[Sentence(code=each.code, message=each.message) for each in missing],
    )
    shown = ProviderAnswer.of(found).model_dump()
    return Reply(MeAnswer(**shown, entitlements=entitlements))


@DOOR.route("GET", "/v1/dashboard", who=provider, input=EmptyRequest, answer=DashboardAnswer)
def dashboard(call: Call[EmptyRequest]) -> Reply:
    """How many notifications are in each status, and the latest with their counters."""
    notifications = parts().notifications
    counts = notifications.counts_by_status(call.caller.id)
    latest = notifications.of_provider(NotificationQuery(call.caller.id, page_size=LATEST)).items
    return Reply(
        {
            "counts": {str(status): count for status, count in counts.items()},
            "latest": [notification_json(each) for each in latest],
        }
    )


@DOOR.route("GET", "/v1/domains", who=provider, input=EmptyRequest, answer=DomainsAnswer)
def domains(call: Call[EmptyRequest]) -> Reply:
    """All of the provider's domains."""
    owned = parts().providers.domains_of(call.caller.id)
    return Reply(DomainsAnswer(domains=[DomainAnswer.of(each) for each in owned]))


@DOOR.route(
    "PATCH",
    "/v1/domains/<domain>",
    who=provider_in_person,
    input=OwnDomainInput,
    answer=DomainAnswer,
)
def change_domain(call: Call[OwnDomainInput]) -> Reply:
    """Replace the list of a domain's admin HWIDs, or that of its apps' schemes, or both; a list
    that is left out stays. It takes a person, because of the way round moderation.
    """
    name, given, p = domain_in(call.path), call.input, parts()
    fields = with_notes({field: getattr(given, field) for field in given.model_fields_set})
    changed = operate.change_own_domain(name, fields, by=call.caller.actor, needs=p)
    return Reply(DomainAnswer.of(changed))


@DOOR.route(
    "POST",
    "/v1/keys",
    who=provider_just_signed_in,
    input=KeyInput,
    answer=NewKeyAnswer,
    status=201,
)
def issue_key(call: Call[KeyInput]) -> Reply:
    """A new API key; the answer is the only place where it is ever shown."""
    p, uid = parts(), call.caller.id
    check_rate(known_provider(uid, p.providers), Limit.API_KEYS_PER_MINUTE, p.rates)
    key = api_keys.issue_key(uid, call.input.name, made_by=uid, needs=p)
    return Reply(NewKeyAnswer(id=api_keys.digest_of(key), name=call.input.name, key=key), 201)


@DOOR.route("GET", "/v1/keys", who=provider_in_person, input=EmptyRequest, answer=KeysAnswer)
def keys(call: Call[EmptyRequest]) -> Reply:
    """The provider's keys, without the keys."""
    return Reply(KeysAnswer.of(parts().providers.keys_of(call.caller.id)))


@DOOR.route(
    "DELETE",
    "/v1/keys/<id:id>",
    who=provider_in_person,
    input=EmptyRequest,
    answer=None,
    status=204,
)
def delete_key(call: Call[EmptyRequest]) -> Reply:
    """The key works no longer."""
    parts().providers.delete_key(call.path["id"], call.caller.id)
    return Reply(None, 204)
