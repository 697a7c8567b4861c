"""A person at the panel, in a real browser, on a real stack: `make test-panel`.

Apart from the other tests because it needs a Chromium and playwright, which a machine may lack.
"""

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect, sync_playwright

from local import demo
from local.emulators.auth.second_factor import number
from local.journey import sign_in as sign_in_as
from local.seed import create_account
from local.stack_file import Stack
from local.starting import running_stack

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
PHONE: ViewportSize = {"width": 360, "height": 740}
LEISURELY_MS = 30_000
WORDS = "Rain until noon"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with running_stack(devices=120, tick_seconds=2) as running:
        yield running


def find_chromium() -> str | None:
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="session")
def chromium() -> str:
    browser = find_chromium()
    if browser is None:
        reason = "No Chromium: install one (Debian: apt-get install chromium) or name it: CHROMIUM."
        pytest.fail(reason, pytrace=False)
    return browser


@pytest.fixture
def page(stack: Stack, chromium: str) -> Iterator[Page]:
    """Open the panel; whatever the browser complains of fails the test."""
    complaints: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(locale="en-GB", viewport={"width": 1200, "height": 900})
        page.set_default_timeout(LEISURELY_MS)
        expect.set_options(timeout=LEISURELY_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.extend([said.text] * (said.type == "error")))
        page.goto(stack.panel)
        yield page
        browser.close()
    refused = "Failed to load resource: the server responded with a status of "
    assert [each for each in complaints if not each.startswith(refused)] == []


def sign_in(page: Page, password: str = demo.PASSWORD) -> None:
    page.get_by_label("E-mail").fill(demo.AURORA.email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def picture(page: Page, name: str) -> None:
    """Store a screenshot where PICTURES says, for people to look at."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder, f"{name}.png"), full_page=True)


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_a_wrong_password_is_said_and_a_right_one_lets_in_until_signed_out(page: Page) -> None:
    sign_in(page, "wrong")
    expect(page.get_by_role("alert")).to_have_text("E-mail and password do not belong together.")
    picture(page, "door")
    sign_in(page)
    expect(page.get_by_text("Aurora News")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Aurora News")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.reload()
    expect(page.get_by_label("Password")).to_be_visible()


def test_a_forgotten_password_is_set_by_a_link_and_no_address_is_given_away(
    page: Page, stack: Stack
) -> None:
    def asked_for(email: str) -> str:
        page.get_by_label("E-mail").fill(email)
        page.get_by_role("button", name="Forgotten your password?").click()
        expect(page.get_by_role("status").first).to_contain_text(email)
        return page.get_by_role("status").first.inner_text().replace(email, "…")

    page.get_by_role("button", name="Forgotten your password?").click()
    expect(page.get_by_role("alert")).to_have_text(
        "Write your e-mail address above, then press it again."
    )
    email = demo.BOREALIS.email
    assert asked_for("nobody@provider.example") == asked_for(email)
    with httpx.Client(base_url=f"http://{stack.auth}", trust_env=False) as auth:
        listed = auth.get(f"/emulator/v1/projects/{stack.project}/oobCodes").json()["oobCodes"]
    (link,) = [mail["oobLink"] for mail in listed]
    page.goto(link)
    page.get_by_label("New password").fill("another password")
    page.get_by_role("button", name="Set it").click()
    expect(page.get_by_text("Done.")).to_be_visible()
    page.goto(stack.panel)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill("another password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Borealis", exact=True)).to_be_visible()


def test_an_account_with_a_second_factor_is_asked_for_the_apps_number(
    page: Page, stack: Stack
) -> None:
    person = demo.Person("careful", "careful@provider.example", "provider")
    create_account(stack.auth, stack.project, person)
    accounts = f"http://{stack.auth}/identitytoolkit.googleapis.com"
    with httpx.Client(base_url=accounts, params={"key": "k"}, trust_env=False) as auth:
        proven = {"localId": person.uid, "emailVerified": True}
        owner = {"Authorization": "Bearer owner"}
        auth.post(f"/v1/projects/{stack.project}/accounts:update", json=proven, headers=owner)
        body = {"email": person.email, "password": demo.PASSWORD}
        token = auth.post("/v1/accounts:signInWithPassword", json=body).json()["idToken"]
        start = {"idToken": token, "totpEnrollmentInfo": {}}
        session = auth.post("/v2/accounts/mfaEnrollment:start", json=start).json()
        secret = session["totpSessionInfo"]["sharedSecretKey"]
        shown = {"sessionInfo": "", "verificationCode": number(secret, time.time())}
        finalize = {"idToken": token, "totpVerificationInfo": shown}
        auth.post("/v2/accounts/mfaEnrollment:finalize", json=finalize).raise_for_status()

    alert = page.get_by_role("alert")
    field = page.get_by_label("Number from your authenticator app")
    page.get_by_label("E-mail").fill(person.email)
    page.get_by_label("Password").fill(demo.PASSWORD)
    expect(field).to_be_hidden()
    page.get_by_role("button", name="Sign in").click()
    expect(alert).to_contain_text("Write the number")
    field.fill("no number")
    page.get_by_role("button", name="Sign in").click()
    expect(alert).to_contain_text("not the number")
    field.fill(number(secret, time.time()))
    page.get_by_role("button", name="Sign in").click()
    expect(alert).to_contain_text("provider")
    expect(field).to_be_hidden()


def test_a_moderators_account_is_told_that_this_is_not_its_place(page: Page) -> None:
    page.get_by_label("E-mail").fill(demo.MIRA.email)
    page.get_by_label("Password").fill(demo.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").first).not_to_be_empty()
    expect(page.get_by_role("heading", name="Notifications")).to_be_hidden()


def test_every_mistake_is_told_at_its_field_and_the_first_one_gets_the_focus(page: Page) -> None:
    sign_in(page)
    page.get_by_label("Text").fill("x" * 501)
    page.get_by_text("Link and image").click()
    page.get_by_label("Link").fill("javascript:alert(1)")
    page.get_by_text("Only some of them").click()
    page.get_by_label("Languages or countries").fill("de, nowhere_at_all")
    page.get_by_label("Languages alone").fill("de, pt_BR")
    page.get_by_label("Active in the last").fill("soon")
    page.get_by_role("button", name="Send to moderation", exact=True).click()
    expect(page.get_by_label("Title")).to_be_focused()
    targets = ("Languages or countries", "Languages alone", "Active in the last")
    for label in ("Title", "Text", "Link", *targets):
        field = page.get_by_label(label)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(re.compile("."))
    picture(page, "mistakes")


def test_one_is_written_approved_delivered_and_counted_before_ones_eyes(
    page: Page, stack: Stack
) -> None:
    sign_in(page)
    page.get_by_label("Title").fill(f"<b>{WORDS}</b>")
    page.get_by_label("Text").fill("Then the sun.")
    expect(page.locator("#estimate")).to_contain_text("Would reach")
    page.get_by_role("button", name="Send to moderation", exact=True).click()
    card = page.get_by_role("listitem").filter(has_text=WORDS)
    expect(card.get_by_role("heading")).to_have_text(f"<b>{WORDS}</b>")
    expect(card).to_contain_text("In moderation")
    picture(page, "pending")

    moderator = sign_in_as(stack, demo.MIRA.email)
    queue = moderator.ask("moderation-queue", {})
    moderator.ask("approve-notification", {"id": queue[0]["id"], "revision": 1})
    moderator.close()
    expect(card.locator(".badge")).to_have_text("Delivered")
    expect(card.locator(".counts")).to_contain_text("delivered")
    picture(page, "delivered")

    card.get_by_role("button", name="Duplicate").click()
    draft = page.get_by_role("listitem").filter(has_text=WORDS).filter(has_text="Draft")
    draft.get_by_role("button", name="Send to my devices").click()
    expect(draft.locator(".tested li")).to_contain_text("aurora-editor-phone: ")
    picture(page, "tested")
    draft.get_by_role("button", name="Edit").click()
    page.get_by_label("Title").fill("Snow")
    page.get_by_role("button", name="Send to moderation", exact=True).click()
    snow = page.get_by_role("listitem").filter(has_text="Snow")
    expect(snow).to_contain_text("In moderation")
    snow.get_by_role("button", name="Take back").click()
    page.get_by_role("dialog").get_by_role("button", name="Take back").click()
    expect(snow.locator(".badge")).to_have_text("Taken back")
    expect(snow.get_by_role("button", name="Take back")).to_be_hidden()


def test_a_move_that_comes_too_late_is_told_and_stays_readable(page: Page) -> None:
    sign_in(page)
    page.get_by_label("Title").fill("Too late")
    page.get_by_label("Text").fill("It is being sent already.")
    page.get_by_role("button", name="Send to moderation", exact=True).click()
    card = page.get_by_role("listitem").filter(has_text="Too late")
    detail = "It is being sent already; stop it."
    refusal = {"status": 409, "code": "wrongState", "detail": detail}
    page.route("**/cancel", lambda route: route.fulfill(status=409, json=refusal))
    card.get_by_role("button", name="Take back").click()
    with page.expect_response("**/v1/notifications?*"):
        page.get_by_role("dialog").get_by_role("button", name="Take back").click()
    expect(page.locator("#said")).to_have_text(detail)


def test_it_fits_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)
    assert fits(page)
    sign_in(page)
    expect(page.get_by_role("heading", name="Notifications")).to_be_visible()
    expect(page.locator("#estimate")).not_to_be_empty()
    assert fits(page)
    picture(page, "phone")
    page.emulate_media(color_scheme="dark")
    picture(page, "phone-dark")


def test_when_the_server_is_away_it_says_so_and_recovers(page: Page) -> None:
    sign_in(page)
    expect(page.get_by_text("Aurora News")).to_be_visible()
    page.route("**/v1/notifications?*", lambda route: route.fulfill(status=503, body="{}"))
    page.get_by_label("Show").select_option("draft")
    expect(page.locator("#said")).to_contain_text("The server answered 503")
    page.unroute("**/v1/notifications?*")
    page.get_by_label("Show").select_option("")
    expect(page.locator("#said")).to_be_empty()


# ---- the moderators' chat of the local stack -------------------------------------------------


def posted(page: Page, stack: Stack, title: str) -> Locator:
    """Create a notification, and find its card in the chat."""
    provider = sign_in_as(stack, demo.AURORA.email)
    given = {"title": title, "body": "Look north.", "targetSegment": {"platform": "all"}}
    provider.call("POST", "/provider-api/v1/notifications", json=given)
    provider.close()
    page.goto(stack.telegram)
    card = page.locator("article").filter(has_text=title).first
    expect(card).to_contain_text("Waits for a decision")
    return card


def test_a_moderator_approves_in_the_chat(page: Page, stack: Stack) -> None:
    card = posted(page, stack, "Bright stars")
    card.get_by_role("button", name="Approve").click()
    expect(card).to_contain_text("Approved by Mira")
    expect(card).to_contain_text("Distributed")
    expect(card.get_by_role("button")).to_have_count(0)


def test_who_rejects_in_the_chat_is_asked_why(page: Page, stack: Stack) -> None:
    card = posted(page, stack, "Falling stars")
    page.get_by_label("You are").select_option("Nik")
    card.get_by_role("button", name="Reject").click()
    page.get_by_label("Your reply").fill("No source is named.")
    page.get_by_role("button", name="Send").click()
    expect(card).to_contain_text("Rejected by Nik")
    expect(card).to_contain_text("No source is named.")
    picture(page, "chat")
