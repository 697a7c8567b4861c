"""What the documents say of each row beyond the row itself: subject, words, codes, examples.

A row answers with the codes of its caller (``CALLERS``), those that follow from what it takes
(``codes_of``) and its own. Tests hold them against every recorded and every fuzzed answer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from functions.device.api import device
from functions.http import callers
from functions.http.callers import Who
from functions.http.routes import Protocol, Route
from functions.provider.door import owner
from shared.domain.codes import PROBLEMS


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of caller: in words, the security schemes, any of which will do, and its refusals."""

    words: str
    schemes: tuple[str, ...]
    codes: tuple[str, ...] = ()


_SIGNED_IN = ("unauthenticated", "keyEnded")
_STANDING = ("accountClosed", "sessionEnded")
_PROVIDER = Kind(
    "a provider: its panel with an ID token, or its server with an API key",
    ("idToken", "apiKey"),
    (*_SIGNED_IN, "notAProvider"),
)
_IN_PERSON = Kind(
    "a person of the provider, with an ID token; an API key will not do",
    ("idToken",),
    (*_PROVIDER.codes, "idTokenRequired"),
)

CALLERS: Mapping[Who, Kind] = {
    callers.anyone: Kind("anybody, without a credential", ()),
    callers.provider: _PROVIDER,
    owner: Kind(
        "a provider, with an ID token or an API key; also whoever submitted the notification and "
        "is no provider any more",
        _PROVIDER.schemes,
        _PROVIDER.codes,
    ),
    callers.provider_in_person: _IN_PERSON,
    callers.provider_just_signed_in: Kind(
        "a person of the provider who signed in within the last 15 minutes; an API key will not do",
        _IN_PERSON.schemes,
        (*_IN_PERSON.codes, *_STANDING, "recentSignInRequired"),
    ),
    callers.moderator: Kind(
        "a moderator: an account with the claim `moderator`",
        ("moderatorToken",),
        (*_SIGNED_IN, *_STANDING, "moderatorOnly", "secondFactorRequired"),
    ),
    callers.operator: Kind(
        "an operator: an account with the claim `operator`",
        ("operatorToken",),
        (*_SIGNED_IN, *_STANDING, "operatorOnly", "secondFactorRequired"),
    ),
    device: Kind(
        "the device that the path names, with its secret or its ID token",
        ("deviceSecret", "deviceToken"),
        ("unauthenticated", "notThisDevice"),
    ),
}

_ID_TOKEN = "An ID token of Firebase Authentication, good for an hour"

SCHEMES: Mapping[str, Mapping[str, str]] = {
    "idToken": {"bearerFormat": "JWT", "description": f"{_ID_TOKEN}: the provider's account."},
    "apiKey": {
        "bearerFormat": "ffk_…",
        "description": "An API key of the provider, made with `POST /v1/keys`.",
    },
    "moderatorToken": {
        "bearerFormat": "JWT",
        "description": f"{_ID_TOKEN}, with the claim `moderator`.",
    },
    "operatorToken": {
        "bearerFormat": "JWT",
        "description": f"{_ID_TOKEN}, with the claim `operator`.",
    },
    "deviceSecret": {
        "bearerFormat": "32 to 128 visible ASCII characters",
        "description": "The secret from the device's registration.",
    },
    "deviceToken": {
        "bearerFormat": "JWT",
        "description": f"{_ID_TOKEN}, for which the device exchanged its `customToken`.",
    },
}


@dataclass(frozen=True, slots=True)
class Guard:
    """Demand of a function on every request, whoever calls: a header, and its refusals."""

    header: str
    words: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """Description of one row.

    ``examples`` names recorded requests; without any the first that did its work is shown.
    ``schemes`` are for a row that takes a credential which it does not need. ``headers`` are those
    of its success.
    """

    tag: str
    text: str
    codes: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


_ENTITLED = ("premiumRequired", "verifiedDomainRequired")
_LOOKS = ("inProgress", "looksAtOnceReached")
_SUBMITTED = (
    *_ENTITLED,
    "enterpriseRequired",
    *_LOOKS,
    "pendingAtOnceReached",
    "submissionsPerDayReached",
    "adminSendsPerHourReached",
    "adminDevicesPerDayReached",
)
_NEW_DRAFT = ("draftsReached", "draftsPerMinuteReached")
_DECISION = (
    "notFound",
    "wrongState",
    "cancelled",
    "claimed",
    "revisionNeeded",
    "staleRevision",
    "ownProvider",
)
_LIKE_NONE = "A notification of somebody else's is answered like one that is not there: `notFound`."

OPERATIONS: Mapping[str, Operation] = {
    # ---- provider-api ----------------------------------------------------------------------------
    "provider-api POST /v1/notifications": Operation(
        "Notifications",
        "With `draft` nothing is required and nothing is sent. Without it the notification waits "
        "for a moderator; one whose `targetSegment.hwid` is an admin HWID of the domain is sent "
        "within this request. With an `Idempotency-Key` a repeated request gets the first one's "
        "answer and makes nothing new.",
        ("idempotencyKeyReused", *_SUBMITTED, *_NEW_DRAFT),
        ("create: to moderation", "create: with every field", "create: as a draft"),
        headers={"Location": "Address of the new notification, relative to the request's."},
    ),
    "provider-api GET /v1/notifications": Operation(
        "Notifications",
        "`nextPageToken` is null on the last page. A page of a search can be short, or empty, and "
        "have a next one all the same.",
        ("searchesPerMinuteReached",),
        ("list: a page",),
    ),
    "provider-api GET /v1/notifications/{id}": Operation(
        "Notifications",
        f"While it is sent, the counters follow within seconds. {_LIKE_NONE}",
        ("notFound",),
        ("read: sending",),
    ),
    "provider-api PATCH /v1/notifications/{id}": Operation(
        "Notifications",
        "A field that is left out stays, and null clears it. An edit of what is pending counts "
        "like a submission, since moderators read it anew; one that changes nothing is none.",
        (
            "notFound",
            "wrongState",
            *_ENTITLED,
            "enterpriseRequired",
            *_LOOKS,
            "submissionsPerDayReached",
        ),
        ("edit: a draft",),
    ),
    "provider-api DELETE /v1/notifications/{id}": Operation(
        "Notifications",
        "Any other notification is a record of what happened and stays.",
        ("notFound", "wrongState"),
    ),
    "provider-api POST /v1/notifications/{id}/submit": Operation(
        "Notifications",
        "Faults are told as at creation. A draft to an admin HWID is sent within this request.",
        ("notFound", "wrongState", *_SUBMITTED),
    ),
    "provider-api POST /v1/notifications/{id}/cancel": Operation(
        "Notifications",
        "If a moderator decides at the same moment, exactly one of both wins.",
        ("notFound", "wrongState"),
    ),
    "provider-api POST /v1/notifications/{id}/stop": Operation(
        "Notifications",
        "Batches that are under way at that moment still end. `preventedCount` is how many devices "
        "were spared.",
        ("notFound", "wrongState"),
    ),
    "provider-api POST /v1/notifications/{id}/duplicate": Operation(
        "Notifications",
        "Of a notification in any status. Each call makes one more draft.",
        ("notFound", *_ENTITLED, *_NEW_DRAFT),
        headers={"Location": "Address of the new draft, relative to the request's."},
    ),
    "provider-api POST /v1/notifications/{id}/test": Operation(
        "Notifications",
        "Sends a draft, or what is pending, as it is saved to the provider's admin HWIDs and to "
        "nobody else, and answers within 10 seconds what it came to at each device. Each device "
        "counts as a send to an admin HWID. Nothing is tried again; status and counters stay as "
        "they are, and the history has an entry.",
        (
            "notFound",
            "wrongState",
            "premiumRequired",
            "enterpriseRequired",
            "adminSendsPerHourReached",
            "adminDevicesPerDayReached",
        ),
        ("test: a draft, to a device that is named",),
    ),
    "provider-api GET /v1/notifications/{id}/stats": Operation(
        "Numbers",
        "targeted = delivered + failed + skipped + unknown + open, at any time. Each code in "
        "`errors` comes with a sentence and with what to do about it.",
        ("notFound",),
        ("stats: sending", "stats: failed"),
    ),
    "provider-api GET /v1/notifications/{id}/devices/{hwid}": Operation(
        "Numbers",
        "Before the notification is sent it says whether the device would be targeted; afterwards "
        "how it ended. Of a device that is on no domain of the provider's, no more is told than "
        "that it is not targeted.",
        ("notFound",),
    ),
    "provider-api POST /v1/estimates": Operation(
        "Numbers",
        "Counts without reading devices. An estimate of many regions or domains counts as several "
        "of `estimatesPerMinute`.",
        (*_ENTITLED, "estimatesPerMinuteReached"),
        ("estimate: some",),
    ),
    "provider-api GET /v1/me": Operation(
        "Account",
        "`entitlements` says in advance what a send would be refused for, so that a panel can show "
        "it. `limits` are the numbers that count for this provider: its own, else its plan's.",
    ),
    "provider-api GET /v1/dashboard": Operation(
        "Account",
        "For the first page of a panel: one number for each status, and the ten latest "
        "notifications with their counters.",
    ),
    "provider-api GET /v1/domains": Operation(
        "Account",
        "Only verified domains can be sent to. Each is told by its canonical name: lower case, "
        "international letters as `xn--…`.",
    ),
    "provider-api PATCH /v1/domains/{domain}": Operation(
        "Account",
        "Devices listed in `adminHwids` get notifications without moderation, so a domain may list "
        "only so many different ones within a time.",
        ("notFound", "adminHwidsReached"),
    ),
    "provider-api POST /v1/keys": Operation(
        "API keys",
        "A key does what the provider's account does, except manage keys and domains. It ends with "
        "the account that made it. A key whose answer was lost is deleted, and another made.",
        ("apiKeysReached", "apiKeysPerMinuteReached"),
    ),
    "provider-api GET /v1/keys": Operation(
        "API keys", "A key itself cannot be read again; `id` is what deletes it."
    ),
    "provider-api DELETE /v1/keys/{id}": Operation(
        "API keys", "It is refused from the next request on.", ("notFound",)
    ),
    "provider-api GET /openapi.json": Operation(
        "This document",
        "The function tells the same in fewer words: no examples, and every status of the door at "
        "each operation. It may be kept for an hour, and asked for by its `ETag` in "
        "`If-None-Match`.",
        headers={
            "ETag": "Names this state of the document.",
            "Cache-Control": "How long it may be kept.",
        },
    ),
    # ---- moderators' callables -------------------------------------------------------------------
    "moderation-queue POST /": Operation(
        "Queue",
        "With empty data the answer is a plain list of the oldest hundred; with any field it is a "
        "page, with `nextPageToken` and the rejection templates.",
        ("searchesPerMinuteReached",),
        ("a page", "the queue"),
    ),
    "claim-notification POST /": Operation(
        "Queue",
        "Meanwhile no other moderator can decide on it. Claimed again, the ten minutes begin anew.",
        ("notFound", "wrongState", "claimed", "ownProvider"),
    ),
    "release-notification POST /": Operation(
        "Queue",
        "Harmless when nobody has claimed it, or when it was decided meanwhile.",
        ("notFound", "claimed"),
    ),
    "approve-notification POST /": Operation(
        "Decisions",
        "A large audience or a red finding needs two moderators: the first approval leaves the "
        "notification pending, and the answer says how many are needed. After an edit, `revision` "
        "names what the moderator has read.",
        (*_DECISION, "secondModeratorNeeded"),
        ("approved", "the first of two"),
    ),
    "reject-notification POST /": Operation(
        "Decisions",
        "The provider reads the comment. With a `template` its text comes first, and a comment may "
        "be left out.",
        _DECISION,
        ("rejected", "by a template and a comment"),
    ),
    "moderation-stats POST /": Operation(
        "Looking back",
        "`complete` is false when there were more decisions than are looked at. Of admin HWIDs, "
        "which let a provider send without moderation, only marks are shown.",
    ),
    # ---- device-api ------------------------------------------------------------------------------
    "device-api POST /v1/devices": Operation(
        "Devices",
        "An unregistered device sends no credential: it is told its secret with the answer 201, "
        "this once. With the secret the call refreshes what is known of the device and counts as "
        "activity (200); fields that are left out stay. A device that must be able to repeat a "
        "registration whose answer was lost makes up a `deviceSecret` of its own.",
        ("unauthenticated",),
        ("register: a phone", "register: with a secret of its own", "register: refresh"),
        ("deviceSecret",),
    ),
    "device-api POST /v1/devices/{hwid}/token": Operation(
        "Devices",
        "Without consent the address is not kept.",
        ("notFound",),
        ("address: a new one", "address: with its ID token"),
    ),
    "device-api POST /v1/devices/{hwid}/consent": Operation(
        "Devices",
        "After consent is given back, the address is sent again. What is being sent at the very "
        "moment of a withdrawal may still arrive.",
        ("notFound",),
        ("consent: withdrawn", "consent: given"),
    ),
    "device-api GET /v1/devices/{hwid}/pending": Operation(
        "Devices",
        "For desktops, which no push service reaches: `notification` is null when there is nothing "
        "to show. A desktop can follow its Firestore document `devices/{hwid}` instead of asking.",
        ("notFound",),
        ("pending: full", "pending: empty"),
    ),
    "device-api DELETE /v1/devices/{hwid}": Operation(
        "Devices", "A repeated call is refused with 401, since secret and tokens went with it."
    ),
    # ---- operator-api ----------------------------------------------------------------------------
    "operator-api GET /v1/moderation": Operation(
        "Moderation", "As delivered, until it is changed for the first time."
    ),
    "operator-api PUT /v1/moderation": Operation(
        "Moderation", "What is left out stays as it is.", examples=("policy: everything",)
    ),
    "operator-api PUT /v1/moderators/{uid}": Operation(
        "Moderation",
        "The account must exist; only fields that are sent are changed. Null in `telegramUserId` "
        "takes the right to decide in the chat away.",
        ("notFound",),
    ),
    "operator-api DELETE /v1/moderators/{uid}": Operation(
        "Moderation",
        "Claims and first approvals of theirs count no longer.",
        ("notFound",),
    ),
    "operator-api GET /v1/providers/{uid}": Operation(
        "Providers", "`limits` are those that count, its own or its plan's.", ("notFound",)
    ),
    "operator-api PUT /v1/providers/{uid}": Operation(
        "Providers",
        "What is left out stays as it is; `limits` and `members` are replaced as a whole when they "
        "are sent.",
        examples=("provider: everything", "provider: a new one"),
    ),
    "operator-api GET /v1/providers/{uid}/keys": Operation(
        "Providers", "`createdBy` is the account that the key ends with.", ("notFound",)
    ),
    "operator-api DELETE /v1/providers/{uid}/keys/{id}": Operation(
        "Providers", "It is refused from the next request on.", ("notFound",)
    ),
    "operator-api GET /v1/domains/{domain}": Operation(
        "Domains", "By any form of its name.", ("notFound",)
    ),
    "operator-api PUT /v1/domains/{domain}": Operation(
        "Domains", "What is left out stays as it is.", ("notFound",), ("domain: a new one",)
    ),
    "operator-api DELETE /v1/domains/{domain}": Operation(
        "Domains", "One that is not there is answered alike."
    ),
    "operator-api GET /v1/domains/{domain}/history": Operation(
        "Domains", "At most 366 days, 30 unless said otherwise.", examples=("history",)
    ),
    "operator-api GET /v1/stop": Operation(
        "Emergency", "While it is stopped, batches wait and nothing is lost."
    ),
    "operator-api PUT /v1/stop": Operation(
        "Emergency",
        "What is on its way to a push service at that moment still arrives.",
        examples=("stop: turned on", "stop: turned off"),
    ),
    "operator-api POST /v1/notifications/{id}/stop": Operation(
        "Emergency",
        "What was sent stays sent and counted; `preventedCount` is how many devices were spared.",
        ("notFound", "wrongState"),
    ),
    "operator-api POST /v1/devices/{hwid}/reset": Operation(
        "Devices",
        "For a device that lost its secret and cannot show its push address.",
    ),
}
"""By the name of the row (``Route.endpoint``), in the order of the documents."""

GUARDS: Mapping[str, Guard] = {
    "device-api": Guard(
        "X-Firebase-AppCheck",
        "The app's token of Firebase App Check; needed where the operator requires App Check.",
        ("appCheckFailed",),
    ),
}
"""By the function."""

REQUEST_HEADERS: Mapping[str, str] = {
    "Idempotency-Key": (
        "A key that the client makes up for this one request, such as a UUID; kept for a week."
    ),
}


def codes_of(route: Route) -> list[str]:
    """List the codes with which a row may refuse or fail, in the order of ``PROBLEMS``."""
    may = {*CALLERS[route.who].codes, *OPERATIONS[route.endpoint].codes, *_by_shape(route)}
    unknown = may - PROBLEMS.keys()
    assert not unknown, f"{route.endpoint}: no codes of ours: {unknown}"
    return [code for code in PROBLEMS if code in may]


def _by_shape(route: Route) -> Iterator[str]:
    """Yield the codes that follow from what a row takes, and from its function."""
    yield from ("internal", "tryAgain", "invalidInput")
    if guard := GUARDS.get(route.function):
        yield from guard.codes
    if route.method != "GET":
        yield from ("malformed", "tooLarge", "unsupportedMediaType")
    if route.protocol is Protocol.REST and "<" in route.path:
        yield "noSuchEndpoint"
    if {"hwid", "domain"} & names_in(route):  # a name that cannot be one is not there
        yield "notFound"


def names_in(route: Route) -> set[str]:
    """Name the parts of a row's path that a request fills in."""
    return {part.partition("}")[0] for part in route.template.split("{")[1:]}
