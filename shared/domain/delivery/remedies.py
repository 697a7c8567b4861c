"""What to do about each code on a notification, and who: the provider, the operator, or nobody.

Beside ``sentences``, which tells what a code means. Most need nothing: what passes is tried again,
and what is about one device ends with that device.
"""

from collections.abc import Mapping

_TRIED_AGAIN = "Nothing: it is tried again by itself, for up to six hours or until it expires."
_DEVICE = "Nothing: the device is reached again when its app registers anew."
_TELL_OPERATOR = "Tell the operator: "

REMEDIES: Mapping[str, str] = {
    # skipped
    "consent": "Nothing: only the person at the device can give consent again, in the app.",
    "noAddress": _DEVICE,
    "stopped": "Duplicate the notification and submit the copy, if the rest should have it too.",
    "superseded": "Nothing: a desktop shows one notification, the newest.",
    "deviceGone": "Nothing: the device is no longer registered.",
    "domainLost": "The provider has its domain verified again; then send a copy.",
    "unreadable": "The back end that writes the device's record mends the fields that its "
    "explanation names; or the app registers again.",
    # failed
    "noSender": "The operator sets the credentials of this push service; then send a copy.",
    "credentialsRefused": "The operator renews the credentials of this push service; then send a "
    "copy. No address was lost.",
    "exhausted": "Ask the operator whether the push service was away; then send a copy.",
    "unregistered": _DEVICE,
    "invalidToken": _DEVICE,
    "senderIdMismatch": "Nothing if they are few. If they are many, the app was built for another "
    "Firebase project: its developer puts the right configuration file in.",
    "invalidMessage": "Change what is unusual in it, links first; if it is plain, tell the "
    "operator: it is our fault.",
    "payloadTooBig": "Shorten body, links or image address; together they must stay below 4 KB.",
    "thirdPartyAuth": "The operator renews the APNs key, or the web push key, in the Firebase "
    "console; then send a copy.",
    "projectNotFound": "The operator checks the project's name and that the FCM API is enabled.",
    "unexpectedAnswer": "The operator checks the push service's base address in the settings.",
    "unknownError": _TELL_OPERATOR + "the service's own words are in the log of that moment.",
    "tokenNotForTopic": "Nothing if they are few. If they are many, the operator checks the "
    "bundle id in the APNs credentials.",
    "tokenRefused": "Nothing: it is between Huawei and the device, or a right that the app lacks.",
    "environmentNotServed": "The operator adds this environment to the APNs credentials.",
    "wrongEnvironment": "The operator checks which builds (test, production) the credentials are "
    "for, the developer which one devices register. No address was lost.",
    "topicRefused": "The operator checks the bundle id in the APNs credentials.",
    "wrongApp": "The operator checks which app, project or bundle id the credentials are for; then "
    "send a copy. No address was lost.",
    "appNotFound": "The operator checks the app id and the base address of Huawei's service.",
    "appNotPermitted": "The operator enables Push Kit for the app in AppGallery Connect, or asks "
    "Huawei to lift a penalty.",
    "receiptAddressRefused": "The operator mends the receipt address in AppGallery Connect.",
    "urgencyNotPermitted": "The operator asks Huawei for the right to send with high priority.",
    "contentRejected": "Change the words or the image the push service objects to; then send it.",
    "expired": "Send a copy with a longer expiry, if it still matters.",
    # open
    "deviceBusy": _TRIED_AGAIN,
    "trafficControl": "Nothing: it is tried again, more slowly. If it happens daily, the operator "
    "asks Huawei for a higher limit.",
    "tooManyTokenUpdates": _TRIED_AGAIN,
    "partialUnknown": _TRIED_AGAIN,
    "quotaExceeded": "Nothing: it is tried again, more slowly. If it happens daily, the operator "
    "asks Google for a higher quota.",
    "unavailable": _TRIED_AGAIN,
    "internal": _TRIED_AGAIN,
    "credentialsUnavailable": _TRIED_AGAIN,
    "senderFailed": "It is tried again by itself. The operator finds in the log where it broke.",
    "notSent": _TRIED_AGAIN,
    "noTurn": _TRIED_AGAIN,
    # unknown
    "answerLost": "Nothing: sending a copy would show it twice where it did arrive.",
}


def remedy(code: str) -> str:
    """What to do about ``code``."""
    return REMEDIES.get(code, _TELL_OPERATOR + "this code is older than what we know.")
