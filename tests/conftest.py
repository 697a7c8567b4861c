"""What any test may ask for: a real Firestore, and a project of its own in it; or a whole stack.

One emulator serves a whole session (with pytest-xdist, each worker's). It keeps data, rules and
triggers of different projects apart, so no test wipes or restarts it. One stack serves all tests
that belong to the xdist group ``stack``. Where there is no emulator, our embedded store takes its
place, but for what tests Google's own.
"""

import gc
import os
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import NoReturn

import pytest
from hypothesis import settings

from local.emulator_jar import find_jar, launch_of
from local.firestore import EmbeddedStore, FirestoreEmulator
from local.java import EmulatorMissing, find_java
from local.processes import free_ports
from local.stack_file import Stack
from local.starting import running_stack

sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
"""No schema of ours has an IRI in it; jsonschema would import the grammar of one, for seconds."""

STACK_DEVICES = 400
STARTED = {"emulator_jar", "firestore_emulator", "stack"}
"""Fixtures that start a process, which takes seconds."""

settings.register_profile("fanfare", deadline=None)
settings.load_profile("fanfare")
"""A busy machine makes no example fail: how long one takes is measured by benchmarks."""


def eventually(happened: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Wait for something that other threads or processes bring about."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


def go_without(missing: EmulatorMissing) -> NoReturn:
    """Skip, with the reason; in CI, where the emulator belongs, fail."""
    fail_in_ci(missing)
    pytest.skip(
        "needs Google's own Firestore emulator, in whose place all others used the embedded store. "
        f"{missing}"
    )


def fail_in_ci(missing: EmulatorMissing) -> None:
    """Fail in CI, where the emulator belongs."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(missing), pytrace=False)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to ``make test`` whatever starts an emulator."""
    for item in items:
        if not STARTED.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Keep the garbage collector from looking through what lives until the end anyway: modules and
    collected tests; and from looking at every seven hundredth new object for what is young.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once for each reason how many tests were skipped, and what share of all that is."""
    ended = terminalreporter.stats
    tests = sum(len(ended.get(how, ())) for how in ("passed", "failed", "skipped", "error"))
    for reason, skipped in Counter(it.longrepr[2] for it in ended.get("skipped", ())).items():
        share = f"{skipped:,} of {tests:,} tests ({skipped / tests:.0%})"
        terminalreporter.write_line(f"{share}: {reason.replace('Skipped:', 'skipped:', 1)}")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Keep tokens and keys out of test names: made anew in each process, they would differ between
    them.
    """
    return argname if isinstance(val, str | bytes) and len(val) > 100 else None


@pytest.fixture(scope="session")
def emulator_jar() -> None:
    """Make sure of Google's own emulator, for what is tested of it."""
    try:
        find_java(at_least=launch_of(find_jar()).java)
    except EmulatorMissing as missing:
        go_without(missing)


@pytest.fixture(scope="session")
def firestore_emulator() -> Iterator[FirestoreEmulator]:
    """Start an emulator that posts its events to ``firestore_emulator.functions``, whether or not a
    server listens there.
    """
    functions = f"127.0.0.1:{free_ports(1)[0]}"
    with ExitStack() as end:
        try:
            emulator = end.enter_context(FirestoreEmulator(functions=functions))
        except EmulatorMissing as missing:
            fail_in_ci(missing)
            emulator = end.enter_context(EmbeddedStore(functions=functions))
        yield emulator


@pytest.fixture(scope="session")
def embedded_store() -> Iterator[EmbeddedStore]:
    """Start our embedded store, as one more that must keep what Firestore promises."""
    with EmbeddedStore(functions=f"127.0.0.1:{free_ports(1)[0]}") as store:
        yield store


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Start the real functions behind a gateway, with triggers, queues, sign-in and FCM."""
    with pytest.MonkeyPatch.context() as environment, ExitStack() as end:
        environment.setenv("FANFARE_LEASE_SECONDS", "3")
        environment.setenv("FANFARE_RETRY_BASE_SECONDS", "0.2")
        start = partial(running_stack, devices=STACK_DEVICES, project="demo-journeys", say=_quiet)
        try:
            running = end.enter_context(start(store="emulator"))
        except EmulatorMissing as missing:
            fail_in_ci(missing)
            running = end.enter_context(start(store="embedded"))
        yield running


def _quiet(_: str) -> None:
    return


@pytest.fixture
def project() -> str:
    """Name a project that no other test has."""
    return f"demo-{uuid.uuid4().hex[:8]}"
