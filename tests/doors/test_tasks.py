"""The task doors do what a task asks for, and the process that does it settles down."""

import json
import subprocess
import sys
from pathlib import Path

TASKS = """
import gc, json
from shared.wiring import replaced
from tests.builders import NOON, PROVIDER, a_domain, a_notification, a_provider
from tests.doors.conftest import door
from tests.parts import memory_parts, service_token

parts = memory_parts(a_provider("p1"), a_domain("example.com", "p1"))
new = a_notification(status=None)
parts.notifications.create(new.submit(PROVIDER, NOON, admin_hwid=True))
plan = door("plan_fanout", service_token("plan-fanout", "tasks"))
told = []
with replaced(parts):
    for _ in range(3):
        before = gc.get_freeze_count()
        told.append([plan("POST", "/", {"notificationId": "n1"}).status_code, before])
print(json.dumps(told))
"""


def test_after_the_first_task_the_collector_passes_over_what_is_there_to_stay() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TASKS],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    (first, _), (second, kept), (third, kept_still) = json.loads(done.stdout)
    assert [first, second, third] == [200, 200, 200]
    assert kept > 10_000
    assert kept_still <= kept
