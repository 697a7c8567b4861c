"""Answers with the same meaning to us, whichever push service gave them, or none did."""

from typing import Final

from shared.domain.push.answers import AddressGone, Misconfigured, RetryLater, Unsendable

CREDENTIALS_REFUSED: Final = Misconfigured("credentialsRefused")
NO_SENDER: Final = Misconfigured("noSender", certain=True)
DEVICE_BUSY: Final = RetryLater("deviceBusy", 60.0)
"""This device gets more than the push service lets through to one; others are not meant."""
INVALID_TOKEN: Final = AddressGone("invalidToken")
PAYLOAD_TOO_BIG: Final = Unsendable("payloadTooBig")
"""More than the push service passes on to a device; nothing was asked."""
NOT_SENT: Final = RetryLater("notSent")
NO_TURN: Final = RetryLater("noTurn", tried=False)
"""Answer to a push that was not sent: the app is to be left alone for a while, or time was up."""
ANSWER_LOST: Final = RetryLater("answerLost", ambiguous=True)
"""No answer, or none that can be read: it may have been taken."""
SENDER_FAILED: Final = RetryLater("senderFailed")
MAY_HAVE_SENT: Final = RetryLater("senderFailed", ambiguous=True)
"""Our own sender broke: before it asked anything, or perhaps after it had."""
CREDENTIALS_UNAVAILABLE: Final = RetryLater("credentialsUnavailable")

NOTHING_ASKED: Final = frozenset({"", NO_TURN.code, NOT_SENT.code, CREDENTIALS_UNAVAILABLE.code})
"""Codes of an open record whose device no push service was asked for: there was no turn, or what
was tried did not get that far.
"""
