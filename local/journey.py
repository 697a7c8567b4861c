"""One notification through its whole life, over HTTP, as its users would do it.

A provider creates it, a moderator finds it in the queue and approves it, phones and desktops get
it, and the provider watches the counters settle. What is printed is what the answers say.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import httpx

from local import demo
from local.stack_file import Stack
from shared.domain.tally import ENDS, TOTALS

TERMINAL = {"approved", "failed", "rejected", "cancelled", "stopped"}
PATIENCE_SECONDS = 420.0
"""More than the five minutes after which `tick` restarts what got stuck."""
Say = Callable[[str], None]


class JourneyFailed(RuntimeError):
    """Error for a journey that did not end as it must; the sentence says where."""


@dataclass(frozen=True, slots=True)
class Person:
    """User who is signed in and calls functions."""

    client: httpx.Client

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Return the answer's JSON. Raises ``JourneyFailed`` with an answer that is an error."""
        answer = self.client.request(method, path, **options)
        if answer.is_error:
            where = f"{method} {answer.request.url.path}"
            raise JourneyFailed(f"{where} answered {answer.status_code}: {answer.text[:500]}")
        return answer.json() if answer.content else None

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def ask(self, function: str, data: Mapping[str, Any]) -> Any:
        """Return the result of a callable."""
        return self.call("POST", f"/{function}", json={"data": data})["result"]


def sign_in(stack: Stack, email: str) -> Person:
    """Sign in with e-mail and password, as the panel does."""
    url = f"http://{stack.auth}/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword"
    body = {"email": email, "password": demo.PASSWORD, "returnSecureToken": True}
    answer = httpx.post(url, params={"key": "demo"}, json=body, timeout=10, trust_env=False)
    if answer.is_error:
        raise JourneyFailed(f"{email} cannot sign in: {answer.text[:300]}")
    headers = {"Authorization": f"Bearer {answer.json()['idToken']}"}
    return Person(_client(stack, headers, timeout=60))


def _client(stack: Stack, headers: Mapping[str, str], timeout: float = 30) -> httpx.Client:
    return httpx.Client(base_url=stack.functions, headers=headers, timeout=timeout, trust_env=False)


def run(stack: Stack, say: Say = print) -> Mapping[str, Any]:
    """Run the journey; return the notification as it ended."""
    with ExitStack() as end:
        provider = end.enter_context(closing(sign_in(stack, demo.AURORA.email)))
        moderator = end.enter_context(closing(sign_in(stack, demo.MIRA.email)))
        desktop, hwid = register_desktop(stack)
        end.callback(desktop.close)
        return _run(provider, moderator, desktop, hwid, say)


def _run(
    provider: "Person", moderator: "Person", desktop: "Person", hwid: str, say: Say
) -> Mapping[str, Any]:
    say(f"▸ {demo.PROVIDERS[0].name} asks how many devices it would reach")
    estimate = provider.call("POST", "/provider-api/v1/estimates", json={"targetSegment": {}})
    say(f"    {estimate['devices']:,} devices: {_by_platform(estimate['byPlatform'])}")
    id = create(provider)
    say(f"▸ it creates notification {id}: pending")
    waiting = [item["id"] for item in moderator.ask("moderation-queue", {})]
    if id not in waiting:
        raise JourneyFailed(f"{id} is not in the moderation queue")
    say(f"▸ moderator Mira finds it in the queue ({len(waiting)} waiting) and approves it")
    approved = moderator.ask("approve-notification", {"id": id, "revision": 1})
    say(f"    {approved['status']}")
    ended = watch(provider, id, say)
    _check(ended)
    shown = desktop.call("GET", f"/device-api/v1/devices/{hwid}/pending")["notification"]
    if not shown or shown["id"] != id:
        raise JourneyFailed(f"the desktop shows {shown}, not {id}")
    say(f"▸ a desktop asks what is pending and reads: “{shown['title']}”")
    for line in summary(ended):
        say(line)
    return ended


def register_desktop(stack: Stack) -> tuple[Person, str]:
    """Register a new Linux desktop; return it with the secret it is given."""
    hwid = f"journey-desktop-{time.time_ns()}"
    with _client(stack, {}) as nobody:
        body = {
            "hwid": hwid,
            "platform": "linux",
            "locale": "en-GB",
            "timeZone": "Europe/London",
            "appVersion": "3.0.1",
            "domains": [demo.AURORA_DOMAIN],
        }
        secret = Person(nobody).call("POST", "/device-api/v1/devices", json=body)["deviceSecret"]
    headers = {"Authorization": f"Bearer {secret}"}
    return Person(_client(stack, headers)), hwid


def create(provider: Person) -> str:
    """Create a notification to everyone on the provider's verified domains."""
    body = {
        "title": "Northern lights tonight 🌌",
        "body": "Clear skies from 22:00. Look north.",
        "url": f"https://{demo.AURORA_DOMAIN}/lights",
        "urlButtonName": "See the map",
        "targetSegment": {"platform": "all"},
    }
    key = f"journey-{time.time_ns()}"
    created = provider.call(
        "POST", "/provider-api/v1/notifications", json=body, headers={"Idempotency-Key": key}
    )
    return str(created["id"])


def watch(provider: Person, id: str, say: Say) -> Mapping[str, Any]:
    """Wait until the notification has ended; say each change of the counters."""
    deadline, last = time.monotonic() + PATIENCE_SECONDS, ""
    while time.monotonic() < deadline:
        seen = provider.call("GET", f"/provider-api/v1/notifications/{id}")
        line = (
            f"    {seen['status']:<9} targeted {seen['targetedCount']:>7,}"
            f"   delivered {seen['deliveredCount']:>7,}   failed {seen['failedCount']:>5,}"
        )
        if line != last:
            say(line)
            last = line
        if seen["status"] in TERMINAL:
            return dict(seen)
        time.sleep(0.5)
    raise JourneyFailed(f"{id} has not ended after {PATIENCE_SECONDS:.0f} seconds")


def summary(ended: Mapping[str, Any]) -> list[str]:
    """Format the final counters, one a line."""
    lines = [f"▸ it ended as “{ended['status']}”, and every device is accounted for:"]
    lines += [f"    {name:<10}{ended[f'{name}Count']:>9,}" for name in TOTALS]
    lines += [f"      {code:<22}{count:>6,}" for code, count in ended["errors"].items()]
    return lines


def _check(ended: Mapping[str, Any]) -> None:
    parts = sum(ended[f"{name}Count"] for name in ENDS)
    if ended["status"] != "approved" or ended["targetedCount"] != parts:
        raise JourneyFailed(f"it ended as {ended['status']} with counters that do not add up")


def _by_platform(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{platform} {count:,}" for platform, count in counts.items() if count)
