"""The panel without a browser: what it calls exists, what it is served with is strict."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import httpx
import pytest
from aiohttp import web

from functions.http.openapi import description
from functions.provider import api  # noqa: F401 - its routes
from functions.provider.door import DOOR
from local.emulators.background import ServedApp
from local.emulators.panel.server import CONFIGURATION, ROOT, TYPES, Site, app
from shared.domain.audience.filters import Segment, TargetPlatform
from shared.domain.content.content import NotificationInput
from shared.domain.notifications.lifecycle import Status

PANEL = ROOT / "panel"
SCRIPTS = sorted(PANEL.glob("*.js"))
CODE = "\n".join(path.read_text() for path in SCRIPTS)
PAGE = (PANEL / "index.html").read_text()
EMPTY = {"meta", "link", "input", "img", "br"}


class Read(HTMLParser):
    """The page's elements, with what is wrong about how they are nested."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.faults: list[str] = []
        self._open: list[str] = []
        self.feed(PAGE)
        self.close()
        self.faults += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if len(dict(attrs)) < len(attrs):
            self.faults.append(f"an attribute of {tag} is given twice")
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> closes something else")

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def ids(self) -> list[str]:
        return [str(a["id"]) for _, a in self.elements if "id" in a]


READ = Read()


# ---- the page ------------------------------------------------------------------------------------


def test_the_page_is_well_formed() -> None:
    assert READ.faults == []
    assert PAGE.startswith("<!doctype html>")
    assert READ.all("html") == [{"lang": "en"}]
    assert len(READ.ids) == len(set(READ.ids))
    referred = [str(a["aria-labelledby"]) for _, a in READ.elements if "aria-labelledby" in a]
    assert set(referred) <= set(READ.ids)


def test_nothing_in_it_needs_a_policy_less_strict() -> None:
    """No inline script, style or handler, and nothing from elsewhere."""
    for tag, attributes in READ.elements:
        assert tag != "style"
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    for attributes in READ.all("script", "link", "img"):
        where = str(attributes.get("src") or attributes.get("href"))
        assert (PANEL / where.removeprefix("/")).is_file()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", CODE)


def test_every_field_has_a_label_around_it() -> None:
    labelled = re.findall(r"<label[^>]*>[^<]*\s*<(?:input|select|textarea)", PAGE)
    assert len(labelled) == len(READ.all("input", "select", "textarea"))


def test_every_element_the_scripts_look_for_is_there() -> None:
    asked = set(re.findall(r'(?:getElementById|\bat)\("([\w-]+)"\)', CODE))
    assert asked
    assert asked <= set(READ.ids)


def test_scripts_import_what_others_export() -> None:
    for module in re.findall(r'from "\./([\w.]+)"', CODE):
        assert (PANEL / module).is_file()
    exported = set(re.findall(r"export (?:async )?(?:function|const|class) (\w+)", CODE))
    used = set(re.findall(r"\b(?:api|session|compose|notifications)\.(\w+)", CODE))
    assert used - {"js", "some", "map", "length", "forEach"} <= exported


# ---- what it says to the API ---------------------------------------------------------------------


def test_every_call_it_makes_is_in_the_openapi_document() -> None:
    calls = re.findall(r'call\("([A-Z]+)", ["`](/v1/[^"`?]+)', CODE)
    assert len(calls) >= 10
    paths = description(DOOR.function, DOOR.routes)["paths"]
    for method, path in calls:
        assert method.lower() in paths[re.sub(r"\$\{[^}]+\}", "{id}", path)], (method, path)


def test_the_form_has_the_fields_that_the_api_takes_and_no_others() -> None:
    shown = {name for model in (NotificationInput,) for name in _aliases(model)} - {
        "targetSegment",
        "draft",
    }
    target = {f"targetSegment.{name}" for name in _aliases(Segment)}
    form = PAGE.partition('<form id="compose"')[2].partition("</form>")[0]
    assert set(re.findall(r' name="([\w.]+)"', form)) == shown | target
    platforms = form.partition("targetSegment.platform")[2].partition("</select>")[0]
    assert set(re.findall(r'option value="(\w+)"', platforms)) == set(TargetPlatform)


def _aliases(model: type[NotificationInput | Segment]) -> set[str]:
    return {str(field.alias or name) for name, field in model.model_fields.items()}


def test_it_knows_every_status() -> None:
    table = CODE.partition("const STATUSES = {")[2].partition("};")[0]
    assert set(re.findall(r"(\w+): \[", table)) == set(Status)


# ---- how it is served ----------------------------------------------------------------------------

HOSTING = json.loads(CONFIGURATION.read_text())["hosting"]


def test_the_policy_allows_this_site_and_googles_sign_in_and_nothing_else() -> None:
    policy = dict(
        part.strip().split(" ", 1)
        for part in Site.read().headers["Content-Security-Policy"].split(";")
    )
    assert "unsafe" not in str(policy)
    assert policy.pop("connect-src").split() == [
        "'self'",
        "https://identitytoolkit.googleapis.com",
        "https://securetoken.googleapis.com",
    ]
    assert {policy.pop(name) for name in ("script-src", "style-src", "img-src")} == {"'self'"}
    assert policy.pop("require-trusted-types-for") == "'script'"
    assert set(policy) == {"default-src", "base-uri", "form-action", "frame-ancestors"}
    assert set(policy.values()) == {"'none'"}


def test_browsers_are_told_to_be_strict_and_to_ask_for_new_files() -> None:
    headers = Site.read().headers
    assert int(re.findall(r"max-age=(\d+)", headers["Strict-Transport-Security"])[0]) >= 31536000
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-cache"


def test_its_calls_go_to_the_function_where_terraform_puts_it() -> None:
    (rewrite,) = HOSTING["rewrites"]
    variables = (ROOT / "infra" / "variables.tf").read_text()
    region = variables.partition('variable "region"')[2].partition('default     = "')[2]
    assert rewrite["source"] == "/v1/**"
    assert rewrite["run"] == {"serviceId": "provider-api", "region": region.partition('"')[0]}


def test_only_what_the_panel_needs_is_published() -> None:
    assert {path.suffix for path in Site.read().files.values()} <= set(TYPES)


# ---- on the local stack --------------------------------------------------------------------------


async def _echo(request: web.Request) -> web.Response:
    told = {
        "method": request.method,
        "path": request.raw_path,
        "bearer": request.headers.get("Authorization"),
        "key": request.headers.get("Idempotency-Key"),
        "cookie": request.headers.get("Cookie"),
        "body": await request.text(),
    }
    return web.json_response(told, status=429, headers={"Retry-After": "7", "X-Inner": "1"})


@pytest.fixture
def site() -> Iterator[httpx.Client]:
    behind = web.Application()
    behind.router.add_route("*", "/{path:.*}", _echo)
    with (
        ServedApp(behind) as functions,
        ServedApp(app(functions.url, "127.0.0.1:9", "demo-p", Site.read())) as served,
        httpx.Client(base_url=served.url, timeout=60) as client,
    ):
        yield client


def test_the_local_stack_serves_it_with_the_same_headers(site: httpx.Client) -> None:
    declared = Site.read().headers
    for path, kind in [("/", "text/html"), ("/main.js", "text/javascript")]:
        answer = site.get(path)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"
        for name in declared.keys() - {"Content-Security-Policy"}:
            assert answer.headers[name] == declared[name]
        policy = answer.headers["Content-Security-Policy"]
        assert "connect-src 'self' http://127.0.0.1:9 http://127.0.0.1:9;" in policy


def test_the_local_stack_tells_it_where_to_sign_in(site: httpx.Client) -> None:
    assert site.get("/__/firebase/init.json").json() == {
        "projectId": "demo-p",
        "apiKey": "local",
        "authUrl": "http://127.0.0.1:9",
    }


def test_calls_are_passed_on_and_answers_passed_back(site: httpx.Client) -> None:
    answer = site.post(
        "/v1/notifications?q=%C3%A4",
        content='{"title": "ä"}',
        headers={"Authorization": "Bearer t", "Idempotency-Key": "k", "Cookie": "c=1"},
    )
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert "X-Inner" not in answer.headers
    assert answer.json() == {
        "method": "POST",
        "path": "/provider-api/v1/notifications?q=%C3%A4",
        "bearer": "Bearer t",
        "key": "k",
        "cookie": None,
        "body": '{"title": "ä"}',
    }


@pytest.mark.parametrize("path", ["/nothing", "/v10/x", "/../firebase.json", "/.firebaserc"])
def test_what_is_not_the_panels_is_not_there(path: str, site: httpx.Client) -> None:
    assert site.get(path).status_code == 404
