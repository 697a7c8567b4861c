"""The same journey while things break: duplicated and shuffled events and tasks, lost answers, a
push services that falter, functions killed in the middle. What must hold is what must always hold.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from local.journey import Person
from local.push_services import PUSH_SERVICES
from local.stack_file import Stack
from tests.conftest import eventually
from tests.journeys.arrivals import arrivals
from tests.journeys.test_core_journey import created, ended, received

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stack")]

TO_ALL = {"title": "Storm", "body": "Rough weather", "targetSegment": {}}
LIVES = ("targetedCount", "deliveredCount", "failedCount", "skippedCount", "unknownCount")


@pytest.fixture
def rough(stack: Stack) -> Iterator[None]:
    events = {"duplicate": 0.5, "shuffle": True, "seed": 7}
    tasks = {"duplicate": 0.4, "shuffle": True, "drop_answer": 0.2, "seed": 7}
    falters = {"fault_ratio": 0.1, "slow_seconds": 1, "seed": 7}
    _post(f"{stack.gateway}/_faults", events)
    _post(f"{_tasks_admin(stack)}/faults", tasks)
    pushes = [stack.push[each.admin or each.name] for each in PUSH_SERVICES]
    for service in pushes:
        _post(f"{service}/_config", falters)
    _post(f"{stack.fcm}/_config", {**falters, "retry_after_seconds": 1})
    yield
    _post(f"{stack.gateway}/_faults", {})
    _post(f"{_tasks_admin(stack)}/faults", {})
    for service in pushes:
        _post(f"{service}/_config", {})


def test_every_device_has_one_outcome_whatever_is_repeated_shuffled_or_lost(
    stack: Stack, provider: Person, moderator: Person, rough: None
) -> None:
    ids = [created(provider, TO_ALL)["id"] for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda each: moderator.ask("approve-notification", {"id": each}), ids))
    for id in ids:
        _check_sums(stack, provider, id)


def test_functions_killed_while_they_send_lose_nothing_and_count_nothing_twice(
    stack: Stack, provider: Person, moderator: Person
) -> None:
    _post(f"{stack.fcm}/_config", {"latency_seconds": 0.3})
    try:
        id = created(provider, TO_ALL)["id"]
        moderator.ask("approve-notification", {"id": id})
        for so_far in (20, 60):
            _wait_for_pushes(stack, id, so_far)
            _kill_functions(stack)
    finally:
        _post(f"{stack.fcm}/_config", {})
    _check_sums(stack, provider, id)


def _check_sums(stack: Stack, provider: Person, id: str) -> None:
    final = ended(provider, id)
    arrived = arrivals(stack, id)
    delivered = {arrival.token for arrival in arrived if arrival.has_answer}
    assert final["status"] == "approved"
    assert final["targetedCount"] == sum(final[name] for name in LIVES[1:])
    assert final["deliveredCount"] >= len(delivered) > 0
    assert {arrival.replace_key for arrival in arrived} == {id}
    assert _reconciled(stack, id)


def _wait_for_pushes(stack: Stack, id: str, number: int) -> None:
    eventually(lambda: len(received(stack, id)) > number, f"{number} pushes have arrived")


def _reconciled(stack: Stack, id: str) -> bool:
    """Tell whether the ledger, record by record, agrees with the counters."""
    command = [sys.executable, "-m", "cli.main", "reconcile", id]
    told = subprocess.run(
        command, env={**os.environ, **stack.environment()}, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr
    return "the record agrees with the ledger" in told.stdout


def _kill_functions(stack: Stack) -> None:
    """Kill the processes that run the functions; the master of each starts another one."""
    before = _workers(stack)
    assert len(before) == 2, "one for people and events, one for tasks"
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(_workers(stack) - before) == 2 and _answers(stack), "functions are back")


def _workers(stack: Stack) -> set[int]:
    database = f"--firestore={stack.firestore}"
    listed = subprocess.run(["ps", "-eww", "-o", "pid,ppid,args"], capture_output=True, text=True)
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()[1:]]
    gateway = [(int(p), int(pp)) for p, pp, a in rows if "local.gateway" in a and database in a]
    masters = {pid for pid, parent in gateway} & {parent for _, parent in gateway}
    return {pid for pid, parent in gateway if parent in masters and pid not in masters}


def _answers(stack: Stack) -> bool:
    try:
        return httpx.get(stack.gateway, timeout=2).is_success
    except httpx.TransportError:
        return False


def _tasks_admin(stack: Stack) -> str:
    return stack.tasksAdmin


def _post(url: str, body: Mapping[str, Any]) -> None:
    httpx.post(url, json=dict(body), timeout=60).raise_for_status()
