"""What the codes on a notification mean to its provider, and what to do about each.

Codes are the ledger's own, and stable. For one that is not here, which only an older record can
hold, the sentence says where it came from.
"""

from collections.abc import Mapping

from shared.domain.notifications.notification import FailureReason

SENTENCES: Mapping[str, str] = {
    # skipped
    "consent": "The device withdrew its consent; nothing was sent to it.",
    "noAddress": "The device has no push address; it gets one when its app registers again.",
    "stopped": "The distribution was stopped before this device's turn.",
    "superseded": "The desktop shows a newer notification, which this one does not replace.",
    "deviceGone": "The device was removed between planning and sending.",
    "domainLost": "An operator took the domain this device is on from its provider.",
    "unreadable": "The device's record does not say whether, or where, it may be reached.",
    # failed
    "noSender": "No credentials are set up for this device's push service; add them, then resend.",
    "credentialsRefused": "The push service refused our credentials; the operator must renew them.",
    "exhausted": "The push service did not accept it within the time for retries.",
    "unregistered": "The app was removed or its token expired; the address was dropped.",
    "invalidToken": "The push service says the address is none of its own; it was dropped.",
    "senderIdMismatch": "The address belongs to another app's push project; it was dropped.",
    "invalidMessage": "The push service refuses the content; change it, then send it again.",
    "payloadTooBig": "Texts and links together are too large for the push service; shorten them.",
    "thirdPartyAuth": "Apple's or the browser's credentials in Firebase are not valid.",
    "projectNotFound": "The push service does not know our project; the operator must mend it.",
    "unexpectedAnswer": "The push service answered with a redirect; the operator must look.",
    "unknownError": "The push service refused it with an error it does not document.",
    "tokenNotForTopic": "The address belongs to another app; it was dropped.",
    "tokenRefused": "The push service may not deliver to this device; the address was kept.",
    "environmentNotServed": "The device's build (test or production) is not set up; add it.",
    "wrongEnvironment": "Credentials and devices are of different builds (test, production).",
    "topicRefused": "The credentials do not cover this app's bundle id; the operator must look.",
    "wrongApp": "Most addresses are unknown, as with a wrong app id; none was dropped.",
    "appNotFound": "The push service does not know our app; the operator must mend it.",
    "appNotPermitted": "Our app may not send pushes yet; the operator must enable it.",
    "receiptAddressRefused": "The address for receipts is refused; the operator must mend it.",
    "urgencyNotPermitted": "The app may not send urgent pushes; the operator must ask for it.",
    "contentRejected": "The push service objects to words in it; change them, then send it again.",
    "expired": "Its time had passed before it could be delivered.",
    # open: the last attempt; it will be tried again
    "deviceBusy": "Too many pushes to this one device; it gets it later.",
    "trafficControl": "The push service slows us down; it goes on by itself.",
    "tooManyTokenUpdates": "Our sign-in was renewed too often; it goes on by itself.",
    "partialUnknown": "The push service did not say which devices got it; it is sent again.",
    "quotaExceeded": "The push service's rate limit was exceeded.",
    "unavailable": "The push service was overloaded.",
    "internal": "The push service had an internal error.",
    "credentialsUnavailable": "We could not get credentials for the push service just then.",
    "senderFailed": "Our own sender broke; the operator must look.",
    "notSent": "The push service could not be reached.",
    "noTurn": "Nothing was sent yet: the push service wanted a pause, or time was up.",
    # unknown
    "answerLost": "It was sent, but the push service's answer was lost; it may have arrived.",
}

FAILURES: Mapping[FailureReason, str] = {
    FailureReason.PREMIUM_LAPSED: "Premium was no longer active when sending began; renew it.",
    FailureReason.NO_VERIFIED_DOMAIN: "No domain it is for was verified, or none stayed so.",
    FailureReason.NO_AUDIENCE: "No device could be sent to; widen the target.",
    FailureReason.CREDENTIALS_REFUSED: "The push service refused our credentials; see the errors.",
    FailureReason.EVERY_PUSH_FAILED: "Every push failed; the errors say why.",
    FailureReason.LINK_CHANGED: "The link or image is not what was approved: it leads elsewhere, "
    "cannot be looked at any more, or is dangerous; see the findings, then duplicate and submit.",
    FailureReason.REDS_FOUND: "A check right before sending found what nobody had approved; see "
    "the findings, mend it, then submit it again.",
}


def sentence(code: str) -> str:
    """What ``code`` means."""
    return SENTENCES.get(code, f"The push service answered {code}.")
