"""Pictures for the documentation, taken of a running stack: `make screenshots`."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from local import demo
from local.journey import Person, watch
from local.journey import sign_in as sign_in_as
from local.stack_file import Stack
from local.starting import running_stack
from tests.panel.browser import ARGUMENTS, LEISURELY_MS, find_chromium, sign_in

NOTIFICATIONS = "/provider-api/v1/notifications"
FOLDER = Path(__file__).parents[2] / "docs" / "images"
DESKTOP = {"width": 1080, "height": 800}
CHAT = {"width": 470, "height": 1200}
TITLES = ("Northern lights tonight 🌌", "Ferry to the islands cancelled", "Win a free phone!!!")
BODIES = (
    "Clear skies from 22:00; look north, away from the city.",
    "The 18:30 does not sail. The next one is tomorrow at 07:15.",
    "Click now: only today, only for you",
)
LINKS = (
    "https://news.aurora.example/sky",
    "https://news.aurora.example/ferry",
    "https://xn--pple-43d.example/prize",
)


def main() -> None:
    """Bring a stack up, compose and decide, and write the pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with running_stack(devices=2_000, tick_seconds=2) as stack, _browser() as browser:
        provider = sign_in_as(stack, demo.AURORA.email)
        moderator = sign_in_as(stack, demo.MIRA.email)
        with closing(provider), closing(moderator):
            _notifications(provider, moderator)
        _panel(browser, stack)
        _chat(browser, stack)


def _notifications(provider: Person, moderator: Person) -> None:
    for number, (title, body, url) in enumerate(zip(TITLES, BODIES, LINKS, strict=True)):
        segment = {"platform": "all"}
        given = {"title": title, "body": body, "url": url, "targetSegment": segment}
        made = provider.call("POST", NOTIFICATIONS, json=given)
        if number == 0:
            moderator.ask("approve-notification", {"id": made["id"], "revision": 1})
            watch(provider, made["id"], _nothing)


def _nothing(_line: str) -> None:
    pass


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


def _page(browser: Browser, url: str, size: dict[str, int]) -> Page:
    page = browser.new_page(
        locale="en-GB",
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme="light",
    )
    page.set_default_timeout(LEISURELY_MS)
    expect.set_options(timeout=LEISURELY_MS)
    page.goto(url)
    return page


def _panel(browser: Browser, stack: Stack) -> None:
    page = _page(browser, stack.panel, DESKTOP)
    sign_in(page)
    page.get_by_label("Title").fill("Snow from noon ❄️")
    page.get_by_label("Text").fill("Leave the car at home; trams run every four minutes.")
    expect(page.locator("#estimate")).to_contain_text("Would reach")
    expect(page.get_by_role("listitem").filter(has_text=TITLES[0])).to_contain_text("Delivered")
    page.screenshot(path=FOLDER / "panel.png")


def _chat(browser: Browser, stack: Stack) -> None:
    page = _page(browser, stack.telegram, CHAT)
    card = page.locator("article").filter(has_text=TITLES[2])
    expect(card).to_contain_text("🔴")
    card.screenshot(path=FOLDER / "chat.png")


if __name__ == "__main__":
    main()
