"""Every code that a client, an operator or the ledger can show, and the words for it.

Codes are stable: they stand in documents, in answers and in the archive. Sentences are for
people. ``make docs`` writes these tables into the pages of ``docs/``. What a check of content can
find stands with the rules that find it, in ``findings.finding``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class OutcomeCode:
    """The reason why a device did not get a notification, or not yet, and what to do about it."""

    outcome: Literal["skipped", "failed", "open", "unknown"]
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Problem:
    """The code of a refusal: the HTTP status it comes with, and what the caller does about it."""

    status: int
    remedy: str


_skipped = partial(OutcomeCode, "skipped")
_failed = partial(OutcomeCode, "failed")
_open = partial(OutcomeCode, "open")
_unknown = partial(OutcomeCode, "unknown")

_TRIED_AGAIN = "Nothing: it is tried again by itself, for up to six hours or until it expires."
_DEVICE = "Nothing: the device is reached again when its app registers anew."
_TELL_OPERATOR = "Tell the operator: "

OUTCOMES: Final[Mapping[str, OutcomeCode]] = {
    "consent": _skipped(
        "The device withdrew its consent; nothing was sent to it.",
        "Nothing: only the person at the device can give consent again, in the app.",
    ),
    "noAddress": _skipped(
        "The device has no push address; it gets one when its app registers again.",
        _DEVICE,
    ),
    "stopped": _skipped(
        "The distribution was stopped before this device's turn.",
        "Duplicate the notification and submit the copy, if the rest should have it too.",
    ),
    "superseded": _skipped(
        "The desktop shows a newer notification, which this one does not replace.",
        "Nothing: a desktop shows one notification, the newest.",
    ),
    "deviceGone": _skipped(
        "The device was removed between planning and sending.",
        "Nothing: the device is no longer registered.",
    ),
    "unknownDevice": _skipped(
        "No device of this HWID is registered on one of your verified domains.",
        "Check the HWID in your admin HWIDs, and that the app on it is subscribed to your domain.",
    ),
    "domainLost": _skipped(
        "An operator took the domain this device is on from its provider.",
        "The provider has its domain verified again; then send a copy.",
    ),
    "unreadable": _skipped(
        "The device's record does not say whether, or where, it may be reached.",
        "The back end that writes the device's record mends the fields that its explanation "
        "names; or the app registers again.",
    ),
    "noSender": _failed(
        "No credentials are set up for this device's push service; add them, then resend.",
        "The operator sets the credentials of this push service; then send a copy.",
    ),
    "credentialsRefused": _failed(
        "The push service refused our credentials; the operator must renew them.",
        "The operator renews the credentials of this push service; then send a copy. No address "
        "was lost.",
    ),
    "exhausted": _failed(
        "The push service did not accept it within the time for retries.",
        "Ask the operator whether the push service was away; then send a copy.",
    ),
    "unregistered": _failed(
        "The app was removed or its token expired; the address was dropped.",
        _DEVICE,
    ),
    "invalidToken": _failed(
        "The push service says the address is none of its own; it was dropped.",
        _DEVICE,
    ),
    "senderIdMismatch": _failed(
        "The address belongs to another app's push project; it was dropped.",
        "Nothing if they are few. If they are many, the app was built for another Firebase "
        "project: its developer puts the right configuration file in.",
    ),
    "invalidMessage": _failed(
        "The push service refuses the content; change it, then send it again.",
        "Change what is unusual in it, links first; if it is plain, tell the operator: it is our "
        "fault.",
    ),
    "payloadTooBig": _failed(
        "Texts and links together are too large for the push service; shorten them.",
        "Shorten body, links or image address; together they must stay below 4 KB.",
    ),
    "thirdPartyAuth": _failed(
        "Apple's or the browser's credentials in Firebase are not valid.",
        "The operator renews the APNs key, or the web push key, in the Firebase console; then "
        "send a copy.",
    ),
    "projectNotFound": _failed(
        "The push service does not know our project; the operator must mend it.",
        "The operator checks the project's name and that the FCM API is enabled.",
    ),
    "unexpectedAnswer": _failed(
        "The push service answered with a redirect; the operator must look.",
        "The operator checks the push service's base address in the settings.",
    ),
    "unknownError": _failed(
        "The push service refused it with an error it does not document.",
        _TELL_OPERATOR + "the service's own words are in the log of that moment.",
    ),
    "tokenNotForTopic": _failed(
        "The address belongs to another app; it was dropped.",
        "Nothing if they are few. If they are many, the operator checks the bundle id in the "
        "APNs credentials.",
    ),
    "tokenRefused": _failed(
        "The push service may not deliver to this device; the address was kept.",
        "Nothing: it is between Huawei and the device, or a right that the app lacks.",
    ),
    "environmentNotServed": _failed(
        "The device's build (test or production) is not set up; add it.",
        "The operator adds this environment to the APNs credentials.",
    ),
    "wrongEnvironment": _failed(
        "Credentials and devices are of different builds (test, production).",
        "The operator checks which builds (test, production) the credentials are for, the "
        "developer which one devices register. No address was lost.",
    ),
    "topicRefused": _failed(
        "The credentials do not cover this app's bundle id; the operator must look.",
        "The operator checks the bundle id in the APNs credentials.",
    ),
    "wrongApp": _failed(
        "Most addresses are unknown, as with a wrong app id; none was dropped.",
        "The operator checks which app, project or bundle id the credentials are for; then send "
        "a copy. No address was lost.",
    ),
    "appNotFound": _failed(
        "The push service does not know our app; the operator must mend it.",
        "The operator checks the app id and the base address of Huawei's service.",
    ),
    "appNotPermitted": _failed(
        "Our app may not send pushes yet; the operator must enable it.",
        "The operator enables Push Kit for the app in AppGallery Connect, or asks Huawei to lift "
        "a penalty.",
    ),
    "receiptAddressRefused": _failed(
        "The address for receipts is refused; the operator must mend it.",
        "The operator mends the receipt address in AppGallery Connect.",
    ),
    "urgencyNotPermitted": _failed(
        "The app may not send urgent pushes; the operator must ask for it.",
        "The operator asks Huawei for the right to send with high priority.",
    ),
    "contentRejected": _failed(
        "The push service objects to words in it; change them, then send it again.",
        "Change the words or the image the push service objects to; then send it.",
    ),
    "expired": _failed(
        "Its time had passed before it could be delivered.",
        "Send a copy with a longer expiry, if it still matters.",
    ),
    "deviceBusy": _open(
        "Too many pushes to this one device; it gets it later.",
        _TRIED_AGAIN,
    ),
    "trafficControl": _open(
        "The push service slows us down; it goes on by itself.",
        "Nothing: it is tried again, more slowly. If it happens daily, the operator asks Huawei "
        "for a higher limit.",
    ),
    "tooManyTokenUpdates": _open(
        "Our sign-in was renewed too often; it goes on by itself.",
        _TRIED_AGAIN,
    ),
    "partialUnknown": _open(
        "The push service did not say which devices got it; it is sent again.",
        _TRIED_AGAIN,
    ),
    "quotaExceeded": _open(
        "The push service's rate limit was exceeded.",
        "Nothing: it is tried again, more slowly. If it happens daily, the operator asks Google "
        "for a higher quota.",
    ),
    "unavailable": _open(
        "The push service was overloaded.",
        _TRIED_AGAIN,
    ),
    "internal": _open(
        "The push service had an internal error.",
        _TRIED_AGAIN,
    ),
    "credentialsUnavailable": _open(
        "We could not get credentials for the push service just then.",
        _TRIED_AGAIN,
    ),
    "senderFailed": _open(
        "Our own sender broke; the operator must look.",
        "It is tried again by itself. The operator finds in the log where it broke.",
    ),
    "notSent": _open(
        "The push service could not be reached.",
        _TRIED_AGAIN,
    ),
    "noTurn": _open(
        "Nothing was sent yet: the push service wanted a pause, or time was up.",
        _TRIED_AGAIN,
    ),
    "answerLost": _unknown(
        "It was sent, but the push service's answer was lost; it may have arrived.",
        "Nothing: sending a copy would show it twice where it did arrive.",
    ),
}

_OF_TESTS: Final[Mapping[str, str]] = {
    "unregistered": "The app was removed or its token expired; open it, so that it registers anew.",
    "invalidToken": "The push service says the address is none of its own; the app registers anew.",
    "senderIdMismatch": "The address belongs to another app's push project.",
    "tokenNotForTopic": "The address belongs to another app.",
}
"""Sentences for codes with which a test, unlike a run, drops no address."""

FAILURES: Final[Mapping[str, str]] = {
    "premiumLapsed": "Premium was no longer active when sending began; renew it.",
    "noVerifiedDomain": "No domain it is for was verified, or none stayed so.",
    "noAudience": "No device could be sent to; widen the target.",
    "credentialsRefused": "The push service refused our credentials; see the errors.",
    "everyPushFailed": "Every push failed; the errors say why.",
    "linkChanged": (
        "The link or image is not what was approved: it leads elsewhere, cannot be looked at any "
        "more, or is dangerous; see the findings, then duplicate and submit."
    ),
    "newRedFinding": (
        "A check right before sending found what nobody had approved; see the findings, mend it, "
        "then submit it again."
    ),
}
"""Sentence for each ``FailureReason``, of a notification that failed as a whole."""

_ROLE_MISSING = Problem(
    403,
    "the account has not this claim, or its token is older: have it granted, then sign in again",
)
_RATE_REACHED = Problem(
    429,
    "wait as `Retry-After` says: a minute's worth may come at once, then it comes back evenly",
)

PROBLEMS: Final[Mapping[str, Problem]] = {
    "malformed": Problem(400, 'send a JSON object (for callables `{"data": …}`), each name once'),
    "unauthenticated": Problem(
        401,
        "sign in again; a device sends its secret, exchanges its last `customToken`, or shows "
        "its push address",
    ),
    "accountClosed": Problem(
        401,
        "the account was deleted or disabled; an operator can open it again",
    ),
    "sessionEnded": Problem(401, "sign in again"),
    "appCheckFailed": Problem(
        401,
        "send a token that one of this project's apps got from Firebase App Check just now, in the "
        "header `X-Firebase-AppCheck`",
    ),
    "keyEnded": Problem(401, "make a new key: this one ended with the account that made it"),
    "notAProvider": Problem(403, "the account is no provider's; an operator makes it one"),
    "premiumRequired": Problem(403, "subscribe to premium"),
    "verifiedDomainRequired": Problem(403, "get a domain verified"),
    "enterpriseRequired": Problem(403, "leave `forceTimer` out, or take the Enterprise plan"),
    "idTokenRequired": Problem(
        403,
        "keys and admin HWIDs are managed by a person who signs in, not with a key",
    ),
    "recentSignInRequired": Problem(403, "sign in again, and repeat it within 15 minutes"),
    "moderatorOnly": _ROLE_MISSING,
    "operatorOnly": _ROLE_MISSING,
    "secondFactorRequired": Problem(
        403, "enrol a second factor, once, and sign in with it; this token is of a sign-in without"
    ),
    "ownProvider": Problem(403, "a moderator who does not belong to the provider decides"),
    "twoModeratorsNeeded": Problem(
        403,
        "two moderators approve it; an operator (`fanfare approve`) may only reject it",
    ),
    "notThisDevice": Problem(403, "the ID token is another account's"),
    "notFound": Problem(404, "there is none, or it is somebody else's; both look the same"),
    "noSuchEndpoint": Problem(404, "correct the path"),
    "methodNotAllowed": Problem(405, "use a method in `Allow`"),
    "wrongState": Problem(409, "read it again: `details.status` does not allow this any more"),
    "staleRevision": Problem(409, "read it again, then decide on `details.revision`"),
    "revisionNeeded": Problem(
        409,
        "it was edited: read it again, and name `details.revision` in the decision",
    ),
    "claimed": Problem(409, "take another, or wait until `details.until`"),
    "secondModeratorNeeded": Problem(409, "another moderator approves it, too"),
    "cancelled": Problem(409, "nothing: the provider took it back first"),
    "inProgress": Problem(
        409,
        "the first request with this `Idempotency-Key` is still running, or the same "
        "notification is being looked at for another: repeat after `Retry-After`",
    ),
    "tooLarge": Problem(413, "at most 64 KiB"),
    "unsupportedMediaType": Problem(415, "`Content-Type: application/json`, UTF-8, not compressed"),
    "invalidInput": Problem(422, "correct what `errors` lists"),
    "idempotencyKeyReused": Problem(422, "a new `Idempotency-Key` for a new body"),
    "pendingAtOnceReached": Problem(429, "wait for decisions, or cancel one that is pending"),
    "submissionsPerDayReached": Problem(
        429,
        "wait as `Retry-After` says, until the next day in UTC; a draft can be saved now",
    ),
    "adminSendsPerHourReached": Problem(429, "wait as `Retry-After` says, until the next hour"),
    "adminDevicesPerDayReached": Problem(
        429,
        "take the device off the admin HWIDs and submit it to moderation, or wait until the next "
        "day in UTC",
    ),
    "adminHwidsReached": Problem(
        429,
        "use the devices the domain had; others when `Retry-After` is over",
    ),
    "looksAtOnceReached": Problem(
        429,
        "wait as `Retry-After` says: 4 of your notifications are being looked at",
    ),
    "draftsReached": Problem(429, "submit or delete drafts"),
    "apiKeysReached": Problem(429, "delete keys that are not used any more"),
    "draftsPerMinuteReached": _RATE_REACHED,
    "apiKeysPerMinuteReached": _RATE_REACHED,
    "estimatesPerMinuteReached": _RATE_REACHED,
    "searchesPerMinuteReached": _RATE_REACHED,
    "tooMany": Problem(429, "wait as `Retry-After` says"),
    "internal": Problem(500, "repeat once; if it stays, tell us the `instance`"),
    "tryAgain": Problem(503, "repeat after `Retry-After`"),
}

FIELD_FAULTS: Final[Mapping[str, str]] = {
    "required": "is missing, `null`, or nothing of it can be seen",
    "unknownField": "is not one of this call's; a typing error?",
    "repeated": "is a query parameter given twice",
    "wrongType": "must be a string, a whole number, `true` or `false`, a list, an object",
    "notAllowed": "must be one of the listed values",
    "tooShort": "has too few or too many characters",
    "tooLong": "has too few or too many characters",
    "tooFew": "has too few or too many entries",
    "tooMany": "has too few or too many entries",
    "tooSmall": "is a number out of range",
    "tooBig": "is a number out of range",
    "badFormat": "is not in the form it must have",
    "invalid": "is not in the form it must have",
    "payloadTooBig": (
        "must be shorter: texts and links together do not fit into a push (4,096 bytes)"
    ),
    "controlCharacter": "has control characters, such as NUL; tabs and line breaks are none",
    "notHttps": "is not an address of the kind it must be, or carries one that is not",
    "notLinkable": "is not an address of the kind it must be, or carries one that is not",
    "notAUrl": "is not an address of the kind it must be, or carries one that is not",
    "notDeclarable": "is no scheme, or none that can be an app's own",
    "notADomain": "is not a host name",
    "unknownLanguage": (
        "names a language, script or territory that there is not; a language goes by its shortest "
        "code (`de`, not `deu`)"
    ),
    "tooManyCombinations": "times the domains is too much to be counted",
    "notAdminHwid": "is no admin HWID of the provider's verified domains",
    "foreignDomain": "is not one of the provider's verified domains",
    "unknownProvider": "is no provider's uid",
    "unknownTemplate": "is the id of no rejection template",
    "notUnique": "uses an id twice",
    "taken": "is another moderator's",
    "sharedAccount": "stands for many people in Telegram",
    "invalidPageToken": "is no `nextPageToken` of this list",
}
"""The codes in ``errors`` of a request's fields; each sentence goes on from \"the field\"."""


def sentence_of_test(code: str) -> str:
    """Tell what ``code`` means where nothing is tried again; without a code it was delivered."""
    if not code:
        return "Delivered: the push service took it, or the desktop fetches it with its next look."
    if said := _OF_TESTS.get(code):
        return said
    known = OUTCOMES.get(code)
    if known is not None and known.outcome != "open":
        return known.sentence
    return f"It could not be sent just now ({code}); send the test once more."


def sentence(code: str) -> str:
    """Tell what ``code`` means; for one that only an older record can hold, whose word it is."""
    known = OUTCOMES.get(code)
    return known.sentence if known else f"The push service answered {code}."


def remedy(code: str) -> str:
    """Tell what to do about ``code``."""
    known = OUTCOMES.get(code)
    return known.remedy if known else _TELL_OPERATOR + "this code is older than what we know."
