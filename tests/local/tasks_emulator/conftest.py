"""One emulator for each module, and for each test a handler of its own."""

from collections.abc import Iterator

import pytest
from google.cloud import tasks_v2

from local.emulators.background import ServedApp
from local.emulators.tasks.rules import Faults, QueueSettings
from local.emulators.tasks.server import Options, TasksEmulator
from tests.local.tasks_emulator.parts import Handler, connected


@pytest.fixture
def handler() -> Iterator[Handler]:
    handler = Handler()
    with ServedApp(handler.app()) as served:
        handler.url = served.url
        yield handler


@pytest.fixture(scope="module")
def emulator() -> Iterator[TasksEmulator]:
    declared = {"declared": QueueSettings(rate_per_second=7.0)}
    with TasksEmulator(Options(admin_port=0, queues=declared, short_deadlines=True)) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def client(emulator: TasksEmulator) -> Iterator[tasks_v2.CloudTasksClient]:
    with connected(emulator.address) as client:
        yield client


@pytest.fixture
def no_faults(emulator: TasksEmulator) -> Iterator[None]:
    yield
    emulator.set_faults(Faults())
