"""The browser's sample in a real Chromium at a real stack: `make test-panel`.

Firebase's library and Google's push service are stood in for: a module that gives addresses, and
the browser's own tool that delivers a push to a service worker.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect, sync_playwright

from local import demo
from local.journey import sign_in
from local.stack_file import ROOT, Stack
from local.starting import running_stack
from shared.domain.content.shown import Shown
from tests.clients.payloads import EVERYTHING, ID, fcm_message, web_push
from tests.journeys.test_core_journey import created, ended, received

T = TypeVar("T")

SAMPLE = ROOT / "docs" / "clients" / "browser"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
LEISURELY_MS = 60_000
APP = "export const initializeApp = () => ({});"
MESSAGING = """
export const getMessaging = () => ({});
export const getToken = async () => localStorage.getItem("address") ?? "web-token-1";
export const deleteToken = async () => true;
"""
CONFIG = """
export const config = {{
  gateway: {gateway}, domains: [{domain}], appVersion: "1.0.0", firebase: {{}}, vapidKey: "",
  appCheckToken: async () => "",
}};
"""
WATCHED = """() => {
  self.show ??= self.registration.showNotification.bind(self.registration);
  self.shown = [];
  self.registration.showNotification = async (title, options) => {
    await self.show(title, options);
    self.shown.push({title, ...options});
  };
}"""
"""A desktop without a notification server closes some at once: what was shown is remembered."""
PRESSED = """async () => {
  const opened = [];
  self.clients.openWindow = async (url) => { opened.push(url); };
  const [notification] = await self.registration.getNotifications();
  self.dispatchEvent(new NotificationEvent("notificationclick", {notification}));
  return [opened, (await self.registration.getNotifications()).length];
}"""
KEPT = """import("./fanfare.js").then(async (it) => (await new it.Store().read()) ?? {})"""
KEEP = """changes => import("./fanfare.js").then(async (it) => {
  const store = new it.Store();
  await store.write({...await store.read(), ...changes, refreshedAt: 0});
})"""


class Quiet(SimpleHTTPRequestHandler):
    """Files without a log."""

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with running_stack(devices=20, tick_seconds=2) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> str:
    given = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if given is None:
        reason = "No Chromium: install one (Debian: apt-get install chromium) or name it: CHROMIUM."
        pytest.fail(reason, pytrace=False)
    return given


@pytest.fixture
def site() -> Iterator[str]:
    """Serve the sample as any web server would."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SAMPLE)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def context(stack: Stack, chromium: str, site: str, tmp_path: Path) -> Iterator[BrowserContext]:
    with sync_playwright() as play:
        browser = play.chromium.launch_persistent_context(
            tmp_path,
            executable_path=chromium,
            args=ARGUMENTS,
            locale="de-AT",
            timezone_id="Europe/Vienna",
        )
        browser.set_default_timeout(LEISURELY_MS)
        expect.set_options(timeout=LEISURELY_MS)
        browser.grant_permissions(["notifications"], origin=site)
        config = CONFIG.format(
            gateway=json.dumps(stack.functions), domain=json.dumps(demo.AURORA_DOMAIN)
        )
        modules = {"firebase-app.js": APP, "firebase-messaging.js": MESSAGING, "config.js": config}
        for name, text in modules.items():
            browser.route(f"**/{name}", partial(_javascript, text))
        yield browser
        browser.close()


@pytest.fixture
def page(context: BrowserContext, site: str) -> Page:
    page = context.pages[0]
    page.goto(site)
    return page


def _javascript(text: str, route: Route) -> None:
    route.fulfill(body=text, content_type="text/javascript")


def stored(stack: Stack, page: Page) -> dict[str, Any]:
    """Return the device's document, as the hwid that the browser keeps names it."""
    path = f"projects/{stack.project}/databases/(default)/documents/devices/{quote(hwid(page))}"
    url = f"http://{stack.firestore}/v1/{path}"
    answer = httpx.get(url, headers={"Authorization": "Bearer owner"}, timeout=60, trust_env=False)
    return dict(answer.json().get("fields", {}))


def device_record(page: Page) -> dict[str, Any]:
    return dict(page.evaluate(KEPT))


def hwid(page: Page) -> str:
    return str(device_record(page)["hwid"])


def address(device: dict[str, Any]) -> str:
    fields = device.get("pushAddress", {}).get("mapValue", {}).get("fields", {})
    return str(fields.get("value", {}).get("stringValue", ""))


def allowed(page: Page) -> None:
    page.get_by_role("button", name="Notify me", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("You are notified in this browser.")


def delivered(context: BrowserContext, page: Page, push: object) -> list[dict[str, Any]]:
    """Deliver a push to the service worker; return the notifications that are shown."""
    tool = context.new_cdp_session(page)
    registrations: list[str] = []
    tool.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: registrations.extend(it["registrationId"] for it in told["registrations"]),
    )
    tool.send("ServiceWorker.enable")
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    until(page, lambda: registrations)
    origin = page.evaluate("location.origin")
    given = {"origin": origin, "registrationId": registrations[-1], "data": json.dumps(push)}
    (worker,) = until(page, lambda: context.service_workers)
    worker.evaluate(WATCHED)
    tool.send("ServiceWorker.deliverPushMessage", given)
    return until(page, lambda: list(worker.evaluate("self.shown")))


def until(page: Page, look: Callable[[], T]) -> T:
    """Look again until there is something."""
    for _ in range(LEISURELY_MS // 50):
        if found := look():
            return found
        page.wait_for_timeout(50)
    raise AssertionError("it never came")


def picture(page: Page, name: str) -> None:
    """Store a screenshot where PICTURES says, for people to look at."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder, f"{name}.png"), full_page=True)


def test_a_browser_registers_when_a_person_says_yes_and_not_before(
    page: Page, stack: Stack
) -> None:
    expect(page.get_by_role("status")).to_have_text("You are not notified.")
    picture(page, "client-before")
    assert stored(stack, page) == {}
    allowed(page)
    picture(page, "client-after")
    device = stored(stack, page)
    assert device["locale"] == {"stringValue": "de-AT"}
    assert device["timeZone"] == {"stringValue": "Europe/Vienna"}
    assert device["platform"] == {"stringValue": "linux"}
    assert address(device) == "web-token-1"


def test_a_changed_address_is_sent_at_the_next_visit_and_an_unchanged_one_is_not(
    page: Page, stack: Stack
) -> None:
    allowed(page)
    asked: list[str] = []
    page.on("request", lambda it: asked.append(it.url) if "/device-api/" in it.url else None)
    page.reload()
    expect(page.get_by_role("status")).to_have_text("You are notified in this browser.")
    page.evaluate("localStorage.setItem('address', 'web-token-2')")
    with page.expect_response(lambda it: it.url.endswith("/token") and it.status == 204):
        page.reload()
    assert address(stored(stack, page)) == "web-token-2"
    assert {it.rpartition("/")[2] for it in asked} == {"token"}


def test_a_no_is_told_and_can_be_taken_back_and_leaving_forgets_everything(
    page: Page, stack: Stack
) -> None:
    allowed(page)
    page.get_by_role("button", name="Notify me no more").click()
    expect(page.get_by_role("status")).to_have_text("You are not notified.")
    device = stored(stack, page)
    assert (device["consent"], address(device)) == ({"booleanValue": False}, "")
    allowed(page)
    device = stored(stack, page)
    assert (device["consent"], address(device)) == ({"booleanValue": True}, "web-token-1")
    page.get_by_role("button", name="Forget this browser").click()
    expect(page.get_by_role("button", name="Forget this browser")).to_be_hidden()
    assert "registered" not in device_record(page) or not device_record(page)["registered"]


def test_a_no_without_a_network_is_told_at_the_next_visit(page: Page, stack: Stack) -> None:
    allowed(page)
    page.route("**/consent", lambda route: route.abort())
    page.evaluate("() => { window.setTimeout = (go) => queueMicrotask(go); }")
    page.get_by_role("button", name="Notify me no more").click()
    expect(page.get_by_role("status")).to_contain_text("That did not work")
    page.unroute("**/consent")
    with page.expect_response(lambda it: it.url.endswith("/consent") and it.status == 204):
        page.reload()
    assert stored(stack, page)["consent"] == {"booleanValue": False}


def test_a_browser_that_lost_its_secret_shows_its_address_and_begins_anew_as_itself(
    page: Page,
) -> None:
    allowed(page)
    before = hwid(page)
    page.evaluate(KEEP, {"secret": "another-secret-of-the-same-browser"})
    with page.expect_response(lambda it: it.status == 201):
        page.reload()
    until(page, lambda: device_record(page)["refreshedAt"])
    assert hwid(page) == before


def test_a_browser_whose_hwid_is_anothers_becomes_another_device(page: Page, stack: Stack) -> None:
    allowed(page)
    others = f"another-{hwid(page)}"
    body = {"hwid": others, "platform": "linux", "domains": [demo.AURORA_DOMAIN]}
    url = f"{stack.functions}/device-api/v1/devices"
    assert httpx.post(url, json=body, timeout=60, trust_env=False).status_code == 201
    page.evaluate(KEEP, {"hwid": others})
    page.reload()
    until(page, lambda: device_record(page)["hwid"] != others and device_record(page)["registered"])
    assert address(stored(stack, page)) == "web-token-1"


def test_a_push_is_shown_with_all_that_it_has_and_once(context: BrowserContext, page: Page) -> None:
    allowed(page)
    for _ in range(2):
        (shown,) = delivered(context, page, web_push(fcm_message()))
        assert shown == {
            "title": EVERYTHING.title,
            "body": EVERYTHING.body,
            "tag": ID,
            "image": EVERYTHING.image,
            "actions": [{"action": "open", "title": "See the map"}],
            "data": {"notificationId": ID, "url": EVERYTHING.url},
            "requireInteraction": True,
        }
    (worker,) = context.service_workers
    assert worker.evaluate("self.registration.getNotifications().then((it) => it.length)") == 1


def test_what_is_no_page_is_not_opened_and_markup_is_text(
    context: BrowserContext, page: Page
) -> None:
    allowed(page)
    hostile = Shown(title="<b>x</b> $(id)", body="</script>", url="javascript:alert(1)")
    (shown,) = delivered(context, page, web_push(fcm_message(hostile)))
    assert (shown["title"], shown["body"]) == ("<b>x</b> $(id)", "</script>")
    assert shown["actions"] == []
    assert shown["data"].get("url") is None


def test_a_press_opens_the_link(context: BrowserContext, page: Page) -> None:
    allowed(page)
    delivered(context, page, web_push(fcm_message()))
    (worker,) = context.service_workers
    opened = worker.evaluate(PRESSED)
    assert opened == [[EVERYTHING.url], 0]


def test_what_a_provider_sends_arrives_in_the_browser_and_is_counted(
    context: BrowserContext, page: Page, stack: Stack
) -> None:
    allowed(page)
    body = {"title": "Sun", "body": "All day.", "targetSegment": {}}
    with (
        closing(sign_in(stack, demo.AURORA.email)) as provider,
        closing(sign_in(stack, demo.MIRA.email)) as moderator,
    ):
        id = created(provider, body)["id"]
        moderator.ask("approve-notification", {"id": id})
        assert ended(provider, id)["deliveredCount"] > 0
    (message,) = [it for it in received(stack, id) if it["token"] == "web-token-1"]
    (shown,) = delivered(context, page, web_push(message["message"]))
    assert (shown["title"], shown["tag"]) == ("Sun", id)
