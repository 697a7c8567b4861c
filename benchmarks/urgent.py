"""The time of an urgent push beside a fan-out to 20,000 devices, and on the idle system.

On the whole local stack, from the provider's request to the moment FCM has it: a push to an admin's
own device, which is not moderated. Everything shares this machine's processors here, the devices'
senders too; what keeps the urgent push quick is that it waits in no queue, and that a big audience
is not sent to at once but within its provider's rate. That rate is the plan's, as it would be in
production.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from statistics import median
from typing import Any

import httpx

from benchmarks.summary import Runs
from local import demo
from local.journey import Person, create, sign_in
from local.stack_file import Stack
from local.starting import running_stack

SEEDED = 33_000
"""Number of devices; some 20,000 of them are the provider's, and may be sent to."""
ROUNDS = 5
IDLE_PUSHES = 9
PAUSE_SECONDS = 0.5
PATIENCE_SECONDS = 300.0
NOTIFICATIONS = "/provider-api/v1/notifications"
Say = Callable[[str], None]


def measure(say: Say = print) -> Runs:
    """Measure what ``make bench`` keeps: for each fan-out, the ratio of two medians.

    These are the medians of the pushes beside it, and of the pushes just before it.
    """
    found: list[float] = []
    with ExitStack() as stack_of:
        stack = stack_of.enter_context(
            running_stack(devices=SEEDED, project="demo-bench-urgent", say=_nothing)
        )
        provider = stack_of.enter_context(closing(sign_in(stack, demo.AURORA.email)))
        moderator = stack_of.enter_context(closing(sign_in(stack, demo.MIRA.email)))
        _seconds(stack, provider)  # the first of all opens connections
        while len(found) < ROUNDS:
            idle = [_seconds(stack, provider) for _ in range(IDLE_PUSHES)]
            busy = _beside_a_fanout(stack, provider, moderator)
            for name, each in (("idle", idle), ("busy", busy)):
                say(f"  {name}: " + ", ".join(f"{1000 * seconds:.0f}" for seconds in each) + " ms")
            if busy:
                found.append(median(busy) / median(idle))
    return {"urgent_latency_busy_vs_idle": found}


def _beside_a_fanout(stack: Stack, provider: Person, moderator: Person) -> list[float]:
    """Measure the pushes that began and ended while devices were being sent to."""
    id, found = create(provider), list[float]()
    moderator.ask("approve-notification", {"id": id, "revision": 1})
    _until(lambda: _notification(provider, id)["deliveredCount"] > 0)
    while True:
        seconds = _seconds(stack, provider)
        if _notification(provider, id)["status"] != "sending":
            return found
        found.append(seconds)


def _seconds(stack: Stack, provider: Person) -> float:
    """Measure one push, from the request to the push service."""
    time.sleep(PAUSE_SECONDS)
    body = {
        "title": "For the editor",
        "body": "As it will look.",
        "targetSegment": {"hwid": demo.ADMIN_HWID},
    }
    began = time.time()
    headers = {"Idempotency-Key": f"urgent-{time.time_ns()}"}
    answer = provider.call("POST", NOTIFICATIONS, json=body, headers=headers)
    asked = {"notification": answer["id"], "limit": 1}
    found: list[Any] = []

    def arrived() -> bool:
        found[:] = httpx.get(f"{stack.fcm}/received", params=asked, timeout=60).json()["received"]
        return bool(found)

    _until(arrived)
    return float(found[0]["at"]) - began


def _notification(provider: Person, id: str) -> Any:
    return provider.call("GET", f"{NOTIFICATIONS}/{id}")


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        if time.monotonic() > deadline:
            raise RuntimeError("the stack does not get on")
        time.sleep(0.05)


def _nothing(_: str) -> None:
    return


if __name__ == "__main__":
    print(measure())
