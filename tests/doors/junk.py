"""What no client of ours sends, in bodies, paths, tokens and headers."""

import base64
from collections.abc import Mapping

from tests.parts import token


def unsigned(*parts: bytes) -> str:
    """Build a token of such parts; the claims are ``{}`` unless given."""
    whole = parts if len(parts) > 1 else (*parts, b"{}")
    encoded = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in whole]
    return ".".join([*encoded, ""])


NESTED = 5_000
JUNK: tuple[bytes, ...] = (
    b"",
    b" ",
    b"{",
    b"[]",
    b"null",
    b"0",
    b'"x"',
    b"{}{}",
    b"NaN",
    b'{"a": NaN}',
    b'{"a": -Infinity}',
    b'{"a": 1e999}',
    b'{"a": 1, "a": 2}',
    b'{"data": {}, "data": {}}',
    b'{"data": {"id": "a", "id": "b"}}',
    b'{"\\ud800": 1}',
    b'{"data": {"id": "\\ud800"}}',
    b'{"a": "\\u0000"}',
    b'{"a": "\x00"}',
    b'\xff\xfe{"a": 1}',
    b'\xef\xbb\xbf{"a": 1}',
    '{"a": "é"}'.encode("latin-1"),
    '{"a": 1}'.encode("utf-16"),
    b'{"a": ' + b"9" * 4_000 + b"}",
    b'{"a": ' + b"9" * 5_000 + b"}",
    b"[" * NESTED,
    b'{"data":' * NESTED,
    b'{"data":' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"data":{"a":' + b'{"a":' * 450 + b"1" + b"}" * 450 + b"}}",
    b'{"data": {"@type": []}}',
    b'{"data": {"id": {"@type": {}}}}',
    b'{"data": {"revision": {"@type": "type.googleapis.com/google.protobuf.Int64Value"}}}',
    b'{"__proto__": {"a": 1}, "constructor": 1}',
    b"a=1&b=2",
    b"<a/>",
    b'{"a": "' + b"x" * 70_000 + b'"}',
    b'{"a": "' + b"x" * (1 << 20) + b'"}',
)
"""Bodies that are no request of anybody's."""

NAMES: tuple[str, ...] = (
    ".",
    "..",
    "__x__",
    "__id7__",
    "%2F",
    "a%2Fb",
    "..%2F..%2Fp2",
    "%2e%2e",
    "%00",
    "a%00b",
    "%0A",
    "a%0D%0Ab",
    "%FF%FE",
    "%ED%A0%80",
    "%E2%80%AE",
    "%F0%9F%8E%89" * 30,
    "%C3%A9" * 750,
    "x" * 129,
    "x" * 1501,
    "%25",
    "%252F",
    "a;b=c",
    "a%20b",
    "*",
    "~",
    "`",
    "$where",
    "{id}",
)
"""What a path may be made to name, percent-encoded as it is sent."""

TOKENS: tuple[str, ...] = (
    ".",
    "..",
    "a.b.c",
    "é",
    "\x00",
    "x" * 9_000,
    "ffk_",
    "ffk_unknown",
    unsigned(b"[" * NESTED),
    unsigned(b'{"alg":"none"}', b"[" * NESTED),
    unsigned(b'{"alg":"none"}', b"[]"),
    unsigned(b"null"),
    unsigned(b'{"alg":null}'),
    unsigned(b'{"alg":"none","crit":["x"]}'),
    unsigned(b'{"alg":"none","typ":"JWT"}', b"\xff\xfe"),
    token("", operator=True, moderator=True),
    token("x" * 129, operator=True, moderator=True),
    token("p1", sub=7, operator=True, moderator=True),
    token("p1", exp="soon", operator=True, moderator=True),
    token("p1", iat=None, operator=True, moderator=True),
    token("p1", aud=["demo-fanfare"], operator=True, moderator=True),
)
"""What is nobody's credential."""

HEADERS: tuple[Mapping[str, str], ...] = (
    {"Content-Length": "x"},
    {"Content-Length": "-1"},
    {"Accept": "\x7f;q=x"},
    {"Accept-Language": "," * 5_000},
    {"Content-Type": "application/json; charset"},
    {"Content-Type": 'application/json; charset="utf-8'},
    {"Content-Type": "application/json; charset=\xff"},
    {"Content-Type": "multipart/form-data"},
    {"Content-Type": "\xff/\xfe"},
    {"Content-Encoding": "gzip, deflate"},
    {"X-Cloud-Trace-Context": "\xff" * 1_000},
    {"Origin": "https://panel.example\x7f"},
    {"Host": "[::1"},
    {"Host": "\xff"},
    {"Cookie": "=;" * 2_000},
    {"If-Match": '"\xff"'},
    {"Range": "bytes=9-1"},
    {"Expect": "200-ok"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"Function-Execution-Id": "\xff"},
    {"traceparent": "00-zz"},
)
"""Headers that belong to nothing."""
