"""The panel as Firebase Hosting serves it: files, headers and rewrites are those of firebase.json.

Hosting also gives every page its project at ``/__/firebase/init.json``. Here that file also names
the local sign-in, which the page may then call: nothing else differs from production.
"""

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web

from local.emulators.background import serve

ROOT = Path(__file__).parents[3]
CONFIGURATION = ROOT / "firebase.json"
GOOGLES_SIGN_IN = (
    "https://identitytoolkit.googleapis.com",
    "https://securetoken.googleapis.com",
)
PASSED_ON = {"authorization", "content-type", "idempotency-key"}
PASSED_BACK = {"content-type", "cache-control", "location", "retry-after"}


@dataclass(frozen=True, slots=True)
class Site:
    """Settings of firebase.json for the panel."""

    files: Mapping[str, Path]
    headers: Mapping[str, str]
    rewrites: Sequence[tuple[str, str]]
    """Patterns of paths, each with the function that answers them."""

    @classmethod
    def read(cls, configuration: Path = CONFIGURATION) -> "Site":
        """Read the site of a firebase.json, with the files it publishes as they are now."""
        hosting = json.loads(configuration.read_text())["hosting"]
        public = configuration.parent / hosting["public"]
        ignored = [pattern.removeprefix("**/") for pattern in hosting["ignore"]]
        files = {
            f"/{path.relative_to(public)}": path
            for path in public.rglob("*.*")
            if not any(path.match(pattern) for pattern in ignored)
        }
        (everywhere,) = hosting["headers"]
        return cls(
            files=files | {"/": public / "index.html"},
            headers={each["key"]: each["value"] for each in everywhere["headers"]},
            rewrites=[(_pattern(r["source"]), r["run"]["serviceId"]) for r in hosting["rewrites"]],
        )

    def function(self, path: str) -> str | None:
        """Return the function that answers a path, if there is one."""
        return next((name for form, name in self.rewrites if re.fullmatch(form, path)), None)


def _pattern(glob: str) -> str:
    return re.escape(glob).replace(r"/\*\*", "(?:/.*)?")


def app(functions: str, auth: str, project: str, site: Site | None = None) -> web.Application:
    """Create the site; without ``site`` it is read anew for every request, so that files may be
    edited.
    """
    doors = Doors(functions, auth, project, site)
    made = web.Application()
    made.cleanup_ctx.append(doors.client)
    made.router.add_get("/__/firebase/init.json", doors.project)
    made.router.add_route("*", "/{path:.*}", doors.answer)
    return made


class Doors:
    """HTTP handlers."""

    def __init__(self, functions: str, auth: str, project: str, site: Site | None) -> None:
        self._functions, self._auth = functions.rstrip("/"), f"http://{auth}"
        self._init = {"projectId": project, "apiKey": "local", "authUrl": self._auth}
        self._site = site

    async def client(self, _: web.Application) -> Any:
        """Open as long as the site is."""
        async with ClientSession(auto_decompress=False) as self._client:
            yield

    async def project(self, _: web.Request) -> web.Response:
        """Answer what the page needs to know."""
        return web.json_response(self._init)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer with a file, or with a function's answer."""
        site = self._site or Site.read()
        file = site.files.get(request.path)
        if file and request.method in {"GET", "HEAD"}:
            return web.Response(
                body=file.read_bytes(),
                content_type=TYPES[file.suffix],
                charset="utf-8",
                headers=self._local(site.headers),
            )
        if function := site.function(request.path):
            return await self._passed_on(request, function)
        return web.Response(status=404, text="There is no such page.")

    async def _passed_on(self, request: web.Request, function: str) -> web.Response:
        url = f"{self._functions}/{function}{request.raw_path}"
        headers = {n: v for n, v in request.headers.items() if n.lower() in PASSED_ON}
        body = await request.read()
        async with self._client.request(request.method, url, headers=headers, data=body) as answer:
            back = {n: v for n, v in answer.headers.items() if n.lower() in PASSED_BACK}
            return web.Response(status=answer.status, body=await answer.read(), headers=back)

    def _local(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        policy = headers["Content-Security-Policy"]
        for origin in GOOGLES_SIGN_IN:
            policy = policy.replace(origin, self._auth)
        return {**headers, "Content-Security-Policy": policy}


TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the panel until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="python -m local.emulators.panel.server",
        description="The panel, as Firebase Hosting serves it.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (127.0.0.1)")
    parser.add_argument("--port", type=int, default=5000, help="port; 0 takes any free one (5000)")
    parser.add_argument("--functions", required=True, help="base address of the functions")
    parser.add_argument("--auth", required=True, metavar="HOST:PORT", help="where one signs in")
    parser.add_argument("--project", required=True, help="whose panel it is")
    given = parser.parse_args(arguments)
    serve(app(given.functions, given.auth, given.project), given.host, given.port, "panel at {url}")


if __name__ == "__main__":
    main()
