"""The Huawei emulator's faults, each asked for by the beginning of an address.

Two tables, listed at ``GET /prefixes``. The first address that asks for a ``Reply`` decides about
its whole request, as Huawei does; an ``Illegal`` address is refused beside others that are not.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from local.emulators.faults import Fault, FaultKind, FaultTable

SUCCESS = 80000000
PARTIAL = 80100000
ALL_INVALID = 80300007
REQUEST_ID = "174000000000000000000000"

_PAGE = b"<!DOCTYPE html><html lang=en><title>502 Bad Gateway</title></html>"


def answer_body(code: int, msg: str, request_id: str = REQUEST_ID) -> bytes:
    """Build an answer as Huawei words it."""
    return orjson.dumps({"code": str(code), "msg": msg, "requestId": request_id})


_CLIENT_ERRORS: Mapping[str, int] = {"invalid_request": 1101, "invalid_client": 1203}


def client_refusal(error: str) -> dict[str, object]:
    """Build the refusal of a token: Huawei's numbers for a word of OAuth's."""
    number = _CLIENT_ERRORS[error]
    return {"error": number, "sub_error": number * 10 + 1, "error_description": error}


@dataclass(frozen=True, slots=True)
class Reply(Fault):
    """Row of a table: the answer to a request that has such an address."""

    code: int = 0

    @property
    def status(self) -> int:
        """Huawei's code or, without one, HTTP's."""
        return self.code or self.http


@dataclass(frozen=True, slots=True)
class Illegal:
    """Row of a table: such an address is called illegal, for ``reason`` where reasons are given.

    Unless it is ``listed``, it is only counted.
    """

    prefix: str
    meaning: str
    reason: str = ""
    listed: bool = True

    def as_json(self) -> dict[str, object]:
        """Convert the row to what ``GET /prefixes`` lists."""
        return {"prefix": self.prefix, "meaning": self.meaning, "reason": self.reason or None}


def _reply(prefix: str, code: int, msg: str, http: int = 200, *, taken: bool = False) -> Reply:
    return Reply(prefix, msg, http, answer_body(code, msg), taken=taken, code=code)


REPLIES: tuple[Reply, ...] = (
    _reply("parameter-", 80100001, "Some request parameters are incorrect.", 400),
    _reply("sys-message-", 80100002, "The number of tokens must be 1 for a system message."),
    _reply("structure-", 80100003, "Incorrect message structure."),
    _reply("expired-", 80100004, "The message expiration time is earlier than the current time."),
    _reply("collapse-key-", 80100013, "The collapse_key message field is invalid."),
    _reply("sensitive-", 80100016, "The message contains sensitive information."),
    _reply("topic-rate-", 80100017, "Too many topic messages are sent at the same time."),
    _reply("body-", 80100018, "The message body is incorrect."),
    _reply("image-", 80100022, "The image was not verified."),
    _reply("oauth-", 80200001, "OAuth authentication error."),
    _reply("oauth-http-", 80200001, "OAuth authentication error, with HTTP 401.", 401),
    _reply("token-expired-", 80200003, "OAuth token expired."),
    _reply("not-permitted-", 80300002, "The app does not have the permission to send."),
    _reply("all-invalid-", ALL_INVALID, "All tokens are invalid."),
    _reply("too-big-", 80300008, "The message body size exceeds the default value."),
    _reply("token-count-", 80300010, "The number of tokens in the message body is wrong."),
    _reply("priority-", 80300011, "No permission to send high-priority notification messages."),
    _reply("receipt-", 80300013, "Invalid receipt URL."),
    _reply("punished-", 80300037, "The app is punished and may not send."),
    _reply("oauth-away-", 80600003, "Failed to request the OAuth service."),
    _reply("inner-", 81000001, "System inner error; it may have gone out.", taken=True),
    _reply("topic-", 82000001, "A topic or group error."),
    _reply("new-code-", 80399999, "A code nobody has heard of."),
    Reply("http-400-", "refused in HTTP's words only", 400),
    Reply("unauthorized-", "HTTP 401 without a code", 401),
    Reply("not-found-", "the path is wrong", 404, _PAGE, {}, "text/html"),
    Reply("internal-", "HTTP 500 without a code; it may have gone out", 500, taken=True),
    Reply("bad-gateway-", "an unstable connection, in HTML", 502, _PAGE, {}, "text/html"),
    Reply("unavailable-", "traffic control", 503),
    Reply("redirect-", "sent elsewhere", 302, headers={"Location": "/elsewhere"}),
    Reply(
        "slow-",
        "accepted, but answered after slow_seconds",
        body=answer_body(SUCCESS, "Success"),
        kind=FaultKind.SLOW,
        taken=True,
        code=SUCCESS,
    ),
    Reply("reset-", "the connection is reset instead of an answer", kind=FaultKind.RESET),
    Reply("closed-", "the connection is closed instead of an answer", kind=FaultKind.CLOSE),
    Reply("lost-", "accepted, and closed instead of an answer", kind=FaultKind.CLOSE, taken=True),
    Reply(
        "cut-", "accepted, but closed in the middle of the answer", kind=FaultKind.CUT, taken=True
    ),
    Reply("babble-", "accepted, but the answer is not HTTP", kind=FaultKind.BABBLE, taken=True),
    Reply(
        "garbage-", "accepted, but the answer is not JSON", body=b'{"code": \xff\x00', taken=True
    ),
    Reply("html-", "accepted, but the answer is a page", 200, _PAGE, {}, "text/html", taken=True),
    Reply("huge-", "accepted, with an answer of 64 MiB", kind=FaultKind.HUGE, taken=True),
)

ILLEGALS: tuple[Illegal, ...] = (
    Illegal("illegal-", "not a token; listed as older versions do"),
    Illegal("format-", "not a token; listed by reason", "tokenFormatError"),
    Illegal("no-right-", "a token of another app; listed by reason", "noRight"),
    Illegal("no-push-type-", "a right is missing; listed by reason", "noPushTypeRight"),
    Illegal("penalty-", "the app is punished", "disableSendHuaweiMsgBecauseOfPenalty"),
    Illegal("unlisted-", "not a token; counted, but not listed", listed=False),
)
UNREADABLE = Illegal("unreadable-", "not a token; beside others the answer cannot be read")

REPLY_TABLE: FaultTable[Reply] = FaultTable(REPLIES)
ILLEGAL_TABLE: FaultTable[Illegal] = FaultTable([*ILLEGALS, UNREADABLE])

PASSING: tuple[str, ...] = ("unavailable-", "internal-", "reset-", "closed-", "lost-", "cut-")
"""Transient faults: ``fault_ratio`` chooses among them unless others are named."""


def sorted_out(
    illegal: Mapping[str, Illegal], addresses: int, request_id: str
) -> tuple[int, bytes]:
    """Return code and answer to a request for so many addresses, of which some may be illegal."""
    if not illegal:
        return SUCCESS, answer_body(SUCCESS, "Success", request_id)
    if len(illegal) == addresses and not any(row.reason for row in illegal.values()):
        return ALL_INVALID, answer_body(ALL_INVALID, "All tokens are invalid.", request_id)
    code = ALL_INVALID if len(illegal) == addresses else PARTIAL
    return code, answer_body(code, _listing(illegal, addresses), request_id)


def _listing(illegal: Mapping[str, Illegal], addresses: int) -> str:
    if UNREADABLE in illegal.values():
        return "Some tokens are illegal."
    listed = {token: row.reason for token, row in illegal.items() if row.listed}
    listing: dict[str, object] = {"success": addresses - len(illegal), "failure": len(illegal)}
    if any(listed.values()):
        reasons = {reason or "tokenFormatError" for reason in listed.values()}
        listing["illegalTokens"] = {
            reason: [t for t, why in listed.items() if (why or "tokenFormatError") == reason]
            for reason in sorted(reasons)
        }
        del listing["success"]
    else:
        listing["illegal_tokens"] = list(listed)
    return orjson.dumps(listing).decode()
