"""What planning and sending cost per device, and whether that grows with the audience.

A small and a large audience are seeded into the Firestore emulator; each is planned and sent by
processes of their own, whose CPU time and peak memory the operating system counts. Reads and
writes are counted on the wire, as Firestore bills them.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import google.auth.credentials
from google.cloud import firestore

from local import demo
from local.background import Served
from local.fcm import app as fcm_app
from local.firestore import FirestoreEmulator
from local.seed import seed_devices
from local.service_account import write_service_account
from local.tasks import Options, TasksEmulator
from local.tasks_rules import QueueSettings
from shared.adapters.documents_device import registration_fields
from shared.adapters.firestore_notifications import FirestoreNotifications
from shared.adapters.firestore_providers import FirestoreProviders
from shared.domain.content import Content
from shared.domain.device import AddressKind, Device, Hwid, Platform, PushAddress, derive
from shared.domain.history import Actor, Role
from shared.domain.notification import Notification, NotificationId
from shared.domain.targeting import Segment
from shared.flow.queues import Queue
from shared.settings import read

SMALL = 10_000
LARGE = int(os.environ.get("BENCH_DEVICES", "100000"))
ID = NotificationId("benchmark")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took."""

    devices: int
    cpu_seconds: float
    peak_bytes: int
    reads: int
    writes: int


def measure(say: Say = print) -> dict[str, float]:
    """The figures, by the keys of ``.local/bench.json``."""
    with _services() as environment:
        small = _audience(environment, SMALL, say)
        large = _audience(environment, LARGE, say)
    return _figures(small, large)


def _figures(small: tuple[Cost, Cost], large: tuple[Cost, Cost]) -> dict[str, float]:
    plan, send = large
    devices = plan.devices

    def cpu(costs: tuple[Cost, Cost]) -> float:
        return sum(cost.cpu_seconds for cost in costs) / costs[0].devices

    return {
        "plan_cpu_us_per_device": 1e6 * plan.cpu_seconds / devices,
        "send_cpu_us_per_device": 1e6 * send.cpu_seconds / devices,
        "plan_reads_per_device": plan.reads / devices,
        "writes_per_mobile_device": (plan.writes + send.writes) / devices,
        "cpu_per_device_100k_vs_10k": cpu(large) / cpu(small),
        "plan_memory_100k_vs_10k": plan.peak_bytes / small[0].peak_bytes,
        "send_memory_100k_vs_10k": send.peak_bytes / small[1].peak_bytes,
    }


def _audience(environment: Mapping[str, str], size: int, say: Say) -> tuple[Cost, Cost]:
    project = f"demo-bench-{size}"
    own = {**environment, "GOOGLE_CLOUD_PROJECT": project}
    for done in seed_devices(read(own), _phones(size)):
        if done % 10_000 == 0:
            say(f"  {done:,} of {size:,} phones seeded")
    _approved_notification(project)
    plan = _worked("plan", own)
    say(f"  {size:,}: planned in {plan.cpu_seconds:.1f} s of CPU, {plan.peak_bytes >> 20} MiB")
    send = _worked("send", own)
    say(f"  {size:,}: sent in {send.cpu_seconds:.1f} s of CPU, {send.peak_bytes >> 20} MiB")
    return plan, send


def _worked(work: str, environment: Mapping[str, str]) -> Cost:
    command = [sys.executable, "-m", "benchmarks.worker", work, ID]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    return Cost(**json.loads(done.stdout))


def _phones(count: int) -> Iterator[tuple[str, Mapping[str, object]]]:
    now = datetime.now(UTC)
    for number in range(count):
        hwid = Hwid(f"android-{number:07d}")
        token = f"token-{number:07d}:{'x' * 140}"
        device = Device(
            hwid=hwid,
            platform=Platform.ANDROID,
            locale="de-DE",
            domains=(demo.AURORA_DOMAIN,),
            last_active_at=now,
            address=PushAddress(AddressKind.FCM, token, registered_at=now),
        )
        derived = derive(hwid, device.locale, device.domains)
        yield hwid, registration_fields(device, derived)


def _approved_notification(project: str) -> None:
    anonymous = google.auth.credentials.AnonymousCredentials()
    client = firestore.Client(project=project, credentials=anonymous)
    providers = FirestoreProviders(client)
    providers.put(demo.PROVIDERS[0])
    providers.put_domain(demo.DOMAINS[0])
    now = datetime.now(UTC)
    content = Content(title="Northern lights tonight", body="Clear skies from 22:00.")
    draft = Notification(
        id=ID,
        provider_id=demo.AURORA.uid,
        provider_email=demo.AURORA.email,
        content=content,
        segment=Segment(),
        status=None,
        created_at=now,
    )
    notifications = FirestoreNotifications(client)
    submitted = draft.submit(Actor(Role.PROVIDER, demo.AURORA.uid), now, admin_hwid=False)
    notifications.create(replace(submitted))
    notifications.change(ID, lambda it: it.approve(Actor(Role.MODERATOR, demo.MIRA.uid), now))
    client.close()


@contextmanager
def _services() -> Iterator[dict[str, str]]:
    """Firestore, queues that lead nowhere, and FCM, each outside the measured process."""
    slow = QueueSettings(rate_per_second=0.001, max_concurrent=1)
    queues = {str(queue): slow for queue in Queue}
    with ExitStack() as stack:
        services = {
            "FIRESTORE_EMULATOR_HOST": stack.enter_context(FirestoreEmulator()).address,
            "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:1",
            "CLOUD_TASKS_BASE_URL": stack.enter_context(
                TasksEmulator(Options(queues=queues))
            ).address,
            "FCM_BASE_URL": stack.enter_context(Served(fcm_app())).url,
        }
        token_url = services["FCM_BASE_URL"] + "/token"
        key = Path(stack.enter_context(TemporaryDirectory()), "key.json")
        write_service_account(key, project="demo-bench", email="bench@bench", token_url=token_url)
        os.environ.update(services)
        yield {
            **os.environ,
            "GOOGLE_OAUTH_TOKEN_URL": token_url,
            "GOOGLE_APPLICATION_CREDENTIALS": str(key),
        }
