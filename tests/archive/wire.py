"""What the archive's adapters meet on the wire: bad weather before AWS, Google's metadata server,
and Cloud Storage as far as we use it.

AWS itself is played by moto's server. What moto does not do (refuse a token for its audience, know
in which region a bucket is, be overloaded, cut connections, write on a condition atomically)
``Weather`` does in front of it.
"""

import asyncio
import base64
import io
import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

import aiohttp
from aiohttp import web
from yarl import URL

TRUSTED = {"aud": "fanfare-archive", "sub": "1234567890"}
"""What the role's trust policy asks of a token."""

_ERROR = '<?xml version="1.0"?><Error><Code>{code}</Code><Message>no</Message>{more}</Error>'
_STS_ERROR = (
    '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
    "<Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
)
Rule = Callable[[web.Request], bool]


@dataclass
class Weather:
    """A proxy to ``upstream``. Each entry of ``faults`` meets the next request it is for."""

    upstream: str
    faults: list[tuple[str, str]] = field(default_factory=list)
    """What happens (``cut``, ``cut midway``, ``cut after``, or ``STATUS CODE``) to which method."""
    requests: list[str] = field(default_factory=list)
    authorized: list[str] = field(default_factory=list)
    locks: list[str] = field(default_factory=list)
    """What each request asked of Object Lock: mode and time."""
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def app(self) -> web.Application:
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_route("*", "/{rest:.*}", self._handle)
        return application

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        happens = self._next(request.method)
        if happens == "cut midway" and request.method == "PUT":
            await request.content.read(1)
            return self._cut(request)
        body = await request.read()
        self.requests.append(f"{request.method} {unquote(request.path)}")
        self.authorized.append(request.headers.get("Authorization", ""))
        lock = (
            request.headers.get(f"x-amz-object-lock-{n}") for n in ("mode", "retain-until-date")
        )
        self.locks.append(" ".join(filter(None, lock)))
        if happens == "cut":
            return self._cut(request)
        if happens and not happens.startswith("cut "):
            return _refused(request, body, *happens.split(" "))
        if b"AssumeRoleWithWebIdentity" in body and not _trusted(body):
            text = _STS_ERROR.format(code="InvalidIdentityToken")
            return web.Response(status=400, text=text, content_type="text/xml")
        async with self._writing if "If-None-Match" in request.headers else nullcontext():
            answer = await self._forward(request, body)
        if happens == "cut midway":
            return await cut_midway(request, answer)
        return self._cut(request) if happens == "cut after" else answer

    def _next(self, method: str) -> str:
        for number, (happens, to) in enumerate(self.faults):
            if to in {method, "any"}:
                del self.faults[number]
                return happens
        return ""

    def _cut(self, request: web.Request) -> web.Response:
        if request.transport:
            request.transport.abort()
        return web.Response()

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        headers = {k: v for k, v in request.headers.items() if k.lower() != "expect"}
        url = f"{self.upstream}{request.rel_url.raw_path_qs}"
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method,
                _as_it_is(url),
                data=io.BytesIO(body),
                headers=headers,
                skip_auto_headers=("Content-Type", "User-Agent"),
                allow_redirects=False,
            ) as answer,
        ):
            content = await answer.read()
            dropped = {"content-length", "transfer-encoding", "connection"}
            told = {k: v for k, v in answer.headers.items() if k.lower() not in dropped}
            return web.Response(status=answer.status, body=content, headers=told)


def _refused(
    request: web.Request, body: bytes, status: str, code: str, region: str = ""
) -> web.Response:
    """Refuse a request in the form of the AWS service it is for."""
    if "X-Amz-Target" in request.headers:
        text, kind = json.dumps({"__type": code, "message": "no"}), "application/x-amz-json-1.1"
    elif b"Action=" in body:
        text, kind = _STS_ERROR.format(code=code), "text/xml"
    else:
        text, kind = _ERROR.format(code=code, more=""), "text/xml"
    headers = {"x-amz-bucket-region": region} if region else {}
    return web.Response(status=int(status), text=text, headers=headers, content_type=kind)


async def cut_midway(request: web.Request, whole: web.Response) -> web.StreamResponse:
    """Send all of the headers and half of the body."""
    assert isinstance(whole.body, bytes)
    half = web.StreamResponse(status=whole.status)
    half.content_length = len(whole.body)
    await half.prepare(request)
    await half.write(whole.body[: len(whole.body) // 2])
    _cut(request)
    return half


def _as_it_is(url: str) -> URL:
    return URL(url, encoded=True)


def _trusted(body: bytes) -> bool:
    (token,) = parse_qs(body.decode())["WebIdentityToken"]
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return {name: claims.get(name) for name in TRUSTED} == TRUSTED


# ---- Google --------------------------------------------------------------------------------------


@dataclass
class Metadata:
    """The metadata server: a token for whichever audience is asked for."""

    subject: str = TRUSTED["sub"]
    tokens: int = 0
    status: int = 200

    def app(self) -> web.Application:
        application = web.Application()
        path = "/computeMetadata/v1/instance/service-accounts/default/identity"
        application.router.add_get(path, self._identity)
        return application

    async def _identity(self, request: web.Request) -> web.Response:
        if request.headers.get("Metadata-Flavor") != "Google" or self.status != 200:
            return web.Response(status=self.status if self.status != 200 else 403)
        self.tokens += 1
        claims = {"aud": request.query["audience"], "sub": self.subject}
        parts = ({"alg": "RS256"}, claims)
        encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in parts]
        return web.Response(text=b".".join([*encoded, b"c2lnbmVk"]).decode())


@dataclass
class CloudStorage:
    """Buckets of Cloud Storage: upload if new, download, list. Faults as ``Weather``'s."""

    buckets: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"archive": {}})
    faults: list[tuple[str, str]] = field(default_factory=list)
    page: int = 2
    denied: bool = False
    rights_first: bool = False
    """An account that may not replace is told so, and not that there is an object already."""

    def app(self) -> web.Application:
        application = web.Application(client_max_size=64 * 1024 * 1024)
        add = application.router.add_route
        add("POST", "/upload/storage/v1/b/{bucket}/o", self._upload)
        add("GET", "/storage/v1/b/{bucket}/o/{name:.+}", self._download)
        add("GET", "/storage/v1/b/{bucket}/o", self._list)
        return application

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self.denied:
            return _error(403, "does not have storage.objects.create access")
        if request.headers.get("Authorization") != "Bearer owner":
            return _error(401, "Invalid Credentials")
        if request.match_info["bucket"] not in self.buckets:
            return _error(404, "The specified bucket does not exist.")
        return None

    def _weather(self, request: web.Request) -> str:
        if self.faults and self.faults[0][1] == request.method:
            return self.faults.pop(0)[0]
        return ""

    async def _upload(self, request: web.Request) -> web.Response:
        happens = self._weather(request)
        content = await (request.content.read(1) if happens == "cut midway" else request.read())
        if happens in {"cut", "cut midway"}:
            return _cut(request)
        if happens and happens != "cut after":
            return _error(int(happens), "later")
        if refusal := self._refusal(request):
            return refusal
        objects = self.buckets[request.match_info["bucket"]]
        name = request.query["name"]
        if self.rights_first and name in objects:
            return _error(403, "does not have storage.objects.delete access")
        if request.query.get("ifGenerationMatch") == "0" and name in objects:
            return _error(412, "At least one of the pre-conditions you specified did not hold.")
        objects[name] = content
        return _cut(request) if happens == "cut after" else web.json_response({"name": name})

    async def _download(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._refusal(request):
            return refusal
        happens = self._weather(request)
        if happens and happens != "cut midway":
            return _cut(request) if happens == "cut" else _error(int(happens), "later")
        name = request.match_info["name"]
        found = self.buckets[request.match_info["bucket"]].get(name)
        if found is None:
            return _error(404, f"No such object: archive/{name}")
        whole = web.Response(body=found)
        return await cut_midway(request, whole) if happens == "cut midway" else whole

    async def _list(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        prefix, after = request.query.get("prefix", ""), request.query.get("pageToken", "")
        objects = self.buckets[request.match_info["bucket"]]
        names = sorted(n for n in objects if n.startswith(prefix) and n > after)
        page: dict[str, object] = {"items": [{"name": n} for n in names[: self.page]]}
        if len(names) > self.page:
            page["nextPageToken"] = names[self.page - 1]
        return web.json_response(page)


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"code": status, "message": message}}, status=status)


def _cut(request: web.Request) -> web.Response:
    if request.transport:
        request.transport.abort()
    return web.Response()
