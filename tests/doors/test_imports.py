"""A door loads what it uses itself, and leaves the SDKs to the adapters it is asked for."""

import subprocess
import sys

import pytest

from functions.main import DOORS

SDKS = ("google.cloud.firestore", "google.cloud.tasks", "firebase_admin", "httpx", "grpc", "jwt")
OWN = ("provider_api", "device_api", "operator_api", "moderation_queue", "tick", "send_batch")


@pytest.mark.parametrize("entry_point", OWN)
def test_a_door_loads_no_sdk_by_itself(entry_point: str) -> None:
    code = f"import {DOORS[entry_point]}, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert set(done.stdout.split()).isdisjoint(SDKS)


def test_a_door_does_not_load_the_others() -> None:
    code = "import functions.moderator.calls, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    others = set(DOORS.values()) - {"functions.moderator.calls"}
    assert set(done.stdout.split()).isdisjoint(others)
