"""Fill a demo project with people, providers, domains and devices.

Devices are written as many to a request as Firestore takes; one by one, 20,000 would take minutes.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import httpx

from local import demo
from local.push_services import PUSH_SERVICES
from local.stack_file import ROOT, Account, Stack, StackError
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_values import Raw, encode, write
from shared.settings import Settings, SettingsError
from shared.stores.codec import present
from shared.stores.moderators import Moderator
from shared.wiring import GoogleParts

DEVICES_PER_WRITE = 500


def seed(stack: Stack, devices: int) -> list[Account]:
    """Fill the project of ``stack``; in a process of its own, since Google's client finds an
    emulator by the environment alone.
    """
    command = [sys.executable, "-m", "cli.main", "seed", "--devices", str(devices)]
    environ = {**os.environ, **stack.environment()}
    if subprocess.run(command, env=environ, cwd=ROOT, check=False).returncode:
        raise StackError("The devices could not be seeded; what is wrong stands above.")
    return [Account(p.uid, p.email, p.role) for p in demo.PEOPLE]


def seed_here(devices: int, progress: Callable[[int], object]) -> None:
    """Fill the project of this environment; ``progress`` hears how many devices are written."""
    p = GoogleParts()
    settings = p.settings
    if not settings.auth_emulator:
        raise SettingsError("seeding is for demo projects: FIREBASE_AUTH_EMULATOR_HOST is not set")
    for person in demo.PEOPLE:
        create_account(settings.auth_emulator, settings.project, person)
    for provider in demo.PROVIDERS:
        p.providers.put(provider)
    for domain in demo.DOMAINS:
        p.providers.put_domain(domain)
    for uid, user in demo.IN_THE_CHAT.items():
        p.moderators.put(_moderator(uid, user))
    for done in seed_devices(settings, demo.devices(devices, datetime.now(UTC))):
        progress(done)


def seed_devices(
    settings: Settings, devices: Iterator[tuple[str, Mapping[str, Any]]]
) -> Iterator[int]:
    """Write device documents; yields how many are there after each request."""
    with closing(FirestoreRest(settings.project, settings.firestore_emulator)) as rest:
        done = 0
        while run := list(islice(devices, DEVICES_PER_WRITE)):
            rest.commit([_written(rest, hwid, fields) for hwid, fields in run])
            done += len(run)
            yield done


def _written(rest: FirestoreRest, hwid: str, fields: Mapping[str, Any]) -> Raw:
    encoded = {name: encode(value) for name, value in present(fields).items()}
    return write(rest.name("devices", hwid), encoded)


def _moderator(uid: str, telegram_user_id: int) -> Moderator:
    email = next((person.email for person in demo.PEOPLE if person.uid == uid), "")
    name = uid.removeprefix("moderator-").capitalize()
    return Moderator(uid, datetime.now(UTC), telegram_user_id, name, email)


def create_account(auth: str, project: str, person: demo.Person) -> None:
    """Create an account with its claims, or update the existing one."""
    base = f"http://{auth}/identitytoolkit.googleapis.com/v1/projects/{project}"
    headers = {"Authorization": "Bearer owner"}
    account = {"localId": person.uid, "email": person.email, "password": demo.PASSWORD}
    claims = json.dumps(dict.fromkeys(person.claims, True))
    with httpx.Client(base_url=base, headers=headers, timeout=10, trust_env=False) as client:
        client.post("/accounts", json=account)
        answer = client.post(
            "/accounts:update", json={"localId": person.uid, "customAttributes": claims}
        )
        answer.raise_for_status()


def summary(devices: int) -> Sequence[str]:
    """Describe what was seeded, in sentences."""
    verified = sum(d.is_verified for d in demo.DOMAINS)
    users = " and ".join(map(str, demo.IN_THE_CHAT.values()))
    *makers, last = (each.maker for each in PUSH_SERVICES)
    return (
        f"{len(demo.PROVIDERS)} providers ({demo.PROVIDERS[0].name} is Enterprise)",
        f"{len(demo.DOMAINS)} domains, {verified} of them verified",
        f"{devices:,} devices: desktops, and phones at {', '.join(makers)} and {last}",
        f"about one phone in {demo.DEAD_ONE_IN} has a dead address",
        f"two moderators and an operator; everybody's password is {demo.PASSWORD}",
        f"{len(demo.IN_THE_CHAT)} moderators in the chat, users {users}",
    )
