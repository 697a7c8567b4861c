"""The common parts of the measurements: services, devices, and an approved notification.

Every service runs outside the processes that are measured. The queues lead nowhere: the measured
process does the tasks' work itself, one after the other.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from benchmarks.sender import BODY, TITLE, URL
from local import demo
from local.emulators.background import ServedApp
from local.emulators.fcm.server import app as fcm_app
from local.emulators.service_account import write_service_account
from local.emulators.tasks.rules import QueueSettings
from local.emulators.tasks.server import Options, TasksEmulator
from local.firestore import EmbeddedStore, Emulator, FirestoreEmulator
from local.seed import seed_devices
from shared.adapters.firestore.google_database import GoogleDatabase
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.domain.actors import Actor, Role
from shared.domain.audience.device import AddressKind, Device, Hwid, Platform, PushAddress, derive
from shared.domain.audience.filters import Segment
from shared.domain.content.content import Content
from shared.domain.notifications.notification import Notification, NotificationId
from shared.flow.delivery.queues import Queue
from shared.settings import read
from shared.stores.device_codec import registration_fields
from shared.stores.notifications import Notifications
from shared.stores.providers import Providers

HANDLER_SECONDS = "1700"
"""The emulator takes longer over a page than Firestore; no handler may give up because of it."""

DEAD_TOKEN = "unregistered-"
STORE = "BENCH_STORE"
"""Variable with the address of the embedded store."""
Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Services:
    """Environment of a process that is to use the services, and the queues to look into."""

    environment: Mapping[str, str]
    tasks: TasksEmulator

    def of(self, project: str) -> dict[str, str]:
        """Return the environment for one project."""
        return {**self.environment, "GOOGLE_CLOUD_PROJECT": project}

    def in_store(self, project: str) -> dict[str, str]:
        """Return the environment with the embedded store in the emulator's place, for seeding."""
        return {**self.of(project), "FIRESTORE_EMULATOR_HOST": self.environment[STORE]}

    def forget(self, project: str) -> None:
        """Delete the project from the embedded store."""
        Emulator(self.environment[STORE]).wipe(project)


@contextmanager
def services(*, with_store: bool = False, firestore_host: str = "") -> Iterator[Services]:
    """Run Firestore, unless it runs already at ``firestore_host``, queues that lead nowhere, and
    FCM.

    ``with_store`` adds the embedded store, for what is too much for the emulator.
    """
    slow = QueueSettings(rate_per_second=0.001, max_concurrent=1)
    queues = {str(queue): slow for queue in Queue}
    with ExitStack() as stack:
        tasks = stack.enter_context(TasksEmulator(Options(queues=queues)))
        host = firestore_host or stack.enter_context(FirestoreEmulator()).address
        found = {
            "FIRESTORE_EMULATOR_HOST": host,
            **({STORE: stack.enter_context(EmbeddedStore()).address} if with_store else {}),
            "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:1",
            "CLOUD_TASKS_BASE_URL": tasks.address,
            "FCM_BASE_URL": stack.enter_context(ServedApp(fcm_app())).url,
            "FANFARE_HANDLER_SECONDS": HANDLER_SECONDS,
        }
        token_url = found["FCM_BASE_URL"] + "/token"
        key = Path(stack.enter_context(TemporaryDirectory()), "key.json")
        write_service_account(key, project="demo-bench", email="bench@bench", token_url=token_url)
        own = {
            **found,
            "GOOGLE_OAUTH_TOKEN_URL": token_url,
            "GOOGLE_APPLICATION_CREDENTIALS": str(key),
        }
        stack.enter_context(_set("FIRESTORE_EMULATOR_HOST", found["FIRESTORE_EMULATOR_HOST"]))
        yield Services({**os.environ, **own}, tasks)


@contextmanager
def _set(name: str, value: str) -> Iterator[None]:
    """Set a variable within the ``with`` block: by it alone Google's client finds the emulator."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


def run(module: str, *arguments: object, environment: Mapping[str, str]) -> Any:
    """Run a module in a process of its own; return the JSON it prints."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


# ---- devices and notifications ---------------------------------------------------------------


def seed(environment: Mapping[str, str], devices: Iterator[tuple[str, Fields]]) -> int:
    """Put them into the project's database; how many there were."""
    done = 0
    for done in seed_devices(read(environment), devices):  # noqa: B007 - the last one counts
        pass
    return done


def phones(count: int, *, dead: int = 0) -> Iterator[tuple[str, Fields]]:
    """Yield Android devices, the last ``dead`` of them with an address that FCM no longer knows."""
    for number in range(count):
        begin = DEAD_TOKEN if number >= count - dead else "token-"
        address = PushAddress(
            AddressKind.FCM, f"{begin}{number:07d}:{'x' * 140}", registered_at=datetime.now(UTC)
        )
        yield _device(f"android-{number:07d}", Platform.ANDROID, address)


def desktops(count: int) -> Iterator[tuple[str, Fields]]:
    """Yield devices that fetch their notification from their own document."""
    for number in range(count):
        yield _device(f"windows-{number:07d}", Platform.WINDOWS, None)


def _device(name: str, platform: Platform, address: PushAddress | None) -> tuple[str, Fields]:
    device = Device(
        hwid=Hwid(name),
        platform=platform,
        locale="de-DE",
        domains=(demo.AURORA_DOMAIN,),
        last_active_at=datetime.now(UTC),
        address=address,
    )
    derived = derive(device.hwid, device.locale, device.domains)
    return device.hwid, registration_fields(device, derived)


def approved(project: str, id: str) -> NotificationId:
    """Create a notification to everybody that was approved just now."""
    named = NotificationId(id)
    with closing(firestore.Client(project=project, credentials=AnonymousCredentials())) as client:
        rest = FirestoreRest(project, os.environ["FIRESTORE_EMULATOR_HOST"])
        database = GoogleDatabase(client, lambda: RestDatabase(rest))
        notifications, providers = Notifications(database), Providers(database)
        providers.put(demo.PROVIDERS[0])
        providers.put_domain(demo.DOMAINS[0])
        now = datetime.now(UTC)
        draft = Notification(
            id=named,
            provider_id=demo.AURORA.uid,
            provider_email=demo.AURORA.email,
            content=Content(title=TITLE, body=BODY, url=URL),
            segment=Segment(),
            status=None,
            created_at=now,
        )
        provider, moderator = Actor(Role.PROVIDER, demo.AURORA.uid), Actor(Role.MODERATOR, "m")
        notifications.create(draft.submit(provider, now, admin_hwid=False))
        notifications.change(named, lambda it: it.approve(moderator, now))
    return named
