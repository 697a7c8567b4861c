"""The embedded store: Firestore's calls on a database in memory, for a machine without Java.

One process holds all documents and forgets them when it ends. It answers what the product's
adapters ask, by REST and by gRPC at one port, sends events to the gateway, and lets a desktop read
its own document. It is no emulator of Google's: indexes, limits of size and the language of the
rules are not there. Never deployed: it serves demo projects, on this machine's own address, and not
on Cloud Run.
"""

import asyncio
import gc
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import cast

import grpc
import orjson
from aiohttp import web

from local.emulators.background import SHUTDOWN_SECONDS, stop_accepting, until_signalled
from local.emulators.command_line import command_line
from local.emulators.firestore import grpc_calls
from local.emulators.firestore.calls import CODES, Documents, Refused, Store
from local.emulators.firestore.front import Front
from local.emulators.firestore.rules import claims_of, is_owner, may_get
from local.emulators.firestore.triggers import Triggers
from local.loopback import LOOPBACK
from shared.adapters.firestore.rest_values import Raw

LARGEST_REQUEST_BYTES = 64 * 1024 * 1024
GRPC_THREADS = 16
EXAMPLES = """\
examples:
  python -m local.emulators.firestore.server --port 8080 --functions 127.0.0.1:8081

Administrators ("Bearer owner"): the calls of Firestore's REST and gRPC APIs that Fanfare makes.
Anybody with a sign-in token of the project: GET of a device's own document.
  DELETE /emulator/v1/projects/{project}/databases/(default)/documents    forget a project
  POST   /emulator/v1/projects/{project}/eventarcTrigger?eventarcTriggerId=KEY
"""
_MASK, _UPDATE_MASK = "mask.fieldPaths", "updateMask.fieldPaths"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RestDoors:
    """HTTP handlers."""

    def __init__(self, store: Store, triggers: Triggers) -> None:
        self._store, self._triggers = store, triggers

    def app(self) -> web.Application:
        """Create the app."""
        made = web.Application(
            client_max_size=LARGEST_REQUEST_BYTES, middlewares=[_answering_refusals]
        )
        made.router.add_get("/", self.ready)
        made.router.add_post("/v1/{path:.+}", self.call)
        made.router.add_get("/v1/{path:.+}", self.get)
        made.router.add_patch("/v1/{path:.+}", self.put)
        made.router.add_delete("/v1/{path:.+}", self.delete)
        emulator = "/emulator/v1/projects/{project}"
        made.router.add_delete(f"{emulator}/databases/(default)/documents", self.wipe)
        made.router.add_post(f"{emulator}/eventarcTrigger", self.register)
        return made

    async def ready(self, _: web.Request) -> web.Response:
        """Answer that requests are answered."""
        return web.Response(text="Ok\n")

    async def call(self, request: web.Request) -> web.Response:
        """Answer a call on documents."""
        _require_owner(request)
        path, _, verb = request.match_info["path"].rpartition(":")
        return _json(self._store.call(path, verb, await _body(request)))

    async def get(self, request: web.Request) -> web.Response:
        """Answer with one document, if the caller may read it, or list a collection."""
        documents, name = self._store.place(request.match_info["path"])
        authorization = request.headers.get("Authorization", "")
        if not is_owner(authorization):
            claims = claims_of(authorization, documents.project)
            if not may_get(documents.database, name, claims):
                raise _denied()
        if name and name.count("/") % 2 == 0:
            return _json(self._list(documents, name, request))
        _only(request, _MASK)
        return _json(documents.get(name, request.query.getall(_MASK, ())))

    def _list(self, documents: Documents, name: str, request: web.Request) -> Raw:
        _only(request, "pageSize", "showMissing")
        most = request.query.get("pageSize", "300")
        if not most.isdecimal():
            raise Refused("INVALID_ARGUMENT", "pageSize is a whole number")
        missing = request.query.get("showMissing") == "true"
        return documents.list_documents(name, int(most), missing=missing)

    async def put(self, request: web.Request) -> web.Response:
        """Write one document, whole or some of its fields, and answer with it."""
        _require_owner(request)
        _only(request, _UPDATE_MASK)
        documents, name = self._store.place(request.match_info["path"])
        fields = (await _body(request)).get("fields", {})
        write: Raw = {"update": {"name": f"{documents.root}/{name}", "fields": fields}}
        if paths := request.query.getall(_UPDATE_MASK, ()):
            write["updateMask"] = {"fieldPaths": paths}
        self._store.call(documents.root, "commit", {"writes": [write]})
        return _json(documents.get(name))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete one document."""
        _require_owner(request)
        _only(request)
        documents, name = self._store.place(request.match_info["path"])
        write = {"delete": f"{documents.root}/{name}"}
        self._store.call(documents.root, "commit", {"writes": [write]})
        return _json({})

    async def wipe(self, request: web.Request) -> web.Response:
        """Forget a project."""
        self._store.wipe(request.match_info["project"])
        return _json({})

    async def register(self, request: web.Request) -> web.Response:
        """Register a trigger."""
        project, key = request.match_info["project"], request.query.get("eventarcTriggerId", "")
        try:
            self._triggers.register(project, key, await _body(request))
        except (LookupError, TypeError, AttributeError) as wrong:
            raise Refused("INVALID_ARGUMENT", f"no trigger: {wrong!r}") from None
        return _json({})


@web.middleware
async def _answering_refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return _json(refused.as_json(), CODES[refused.word][0])


def _require_owner(request: web.Request) -> None:
    if not is_owner(request.headers.get("Authorization", "")):
        raise _denied()


def _only(request: web.Request, *names: str) -> None:
    if unknown := request.query.keys() - set(names):
        told = ", ".join(sorted(unknown))
        raise Refused("INVALID_ARGUMENT", f"the embedded store does not know this: {told}")


def _denied() -> Refused:
    return Refused("PERMISSION_DENIED", "Missing or insufficient permissions.")


async def _body(request: web.Request) -> Raw:
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise Refused("INVALID_ARGUMENT", "the body is no JSON object")
    return body


def _json(said: Raw | list[Raw], status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(said), content_type="application/json")


# ---- serving ---------------------------------------------------------------------------------


@asynccontextmanager
async def serving(host: str, port: int, functions: str | None = None) -> AsyncIterator[str]:
    """Serve an empty store on the running loop; yield ``host:port``."""
    triggers = Triggers(functions)
    store = Store(triggers.changed)
    runner = web.AppRunner(
        RestDoors(store, triggers).app(), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS
    )
    await runner.setup()
    http = cast("Callable[[], asyncio.BaseProtocol]", runner.server)
    triggers.start()
    try:
        with _grpc_port(store) as grpc_port:
            server = await asyncio.get_running_loop().create_server(
                lambda: Front(http, grpc_port), host, port
            )
            try:
                bound = server.sockets[0].getsockname()
                yield f"{bound[0]}:{bound[1]}"
            finally:
                await stop_accepting(server)
                server.close()
    finally:
        triggers.stop()
        await runner.cleanup()


@contextmanager
def _grpc_port(store: Store) -> Iterator[int]:
    with ThreadPoolExecutor(GRPC_THREADS, thread_name_prefix="grpc") as pool:
        server = grpc.server(
            pool,
            handlers=(grpc_calls.handler(store),),
            options=[
                ("grpc.max_receive_message_length", LARGEST_REQUEST_BYTES),
                ("grpc.max_send_message_length", LARGEST_REQUEST_BYTES),
            ],
        )
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield port
        finally:
            server.stop(None).wait()


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = command_line(
        "firestore", "The embedded store, in the place of Firestore's emulator.", EXAMPLES
    )
    parser.add_argument("--functions", metavar="HOST:PORT", help="the gateway that events go to")
    asked = parser.parse_args()
    if os.environ.get("K_SERVICE"):
        parser.error("the embedded store is for a developer's machine, and K_SERVICE is set")
    if asked.host not in LOOPBACK:
        parser.error(f"the embedded store listens on this machine only, not on {asked.host}")
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    # It holds millions of objects, and next to none of them in a cycle.
    gc.set_threshold(100_000, 50, 50)

    async def run() -> None:
        async with serving(asked.host, asked.port, asked.functions) as address:
            print(f"embedded store answers on {address}", flush=True)
            await until_signalled()

    asyncio.run(run())


if __name__ == "__main__":
    main()
