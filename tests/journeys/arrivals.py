"""What the emulators of all push services received of a notification, in one shape."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from local.push_services import PUSH_SERVICES
from local.stack_file import Stack

SEEN_AS_TAKEN = {200, 80000000}
"""What a sender is told of an address that was taken, by HTTP or in Huawei's own words."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request for one address."""

    service: str
    token: str
    is_accepted: bool
    has_answer: bool
    """Whether the sender was told that it was taken."""
    replace_key: str
    entry: Mapping[str, Any]


def arrivals(stack: Stack, id: str) -> list[Arrival]:
    """List what arrived of this notification, at every service."""
    return [
        Arrival(
            service=service,
            token=entry["token"],
            is_accepted=entry["taken"],
            has_answer=entry["taken"] and entry["status"] in SEEN_AS_TAKEN,
            replace_key=entry["replaceKey"],
            entry=entry,
        )
        for service in (each.name for each in PUSH_SERVICES)
        for entry in _listed(stack, stack.push[service], id)
    ]


def _listed(stack: Stack, url: str, id: str) -> list[Mapping[str, Any]]:
    """Ask a service for what it received; Apple's is asked as a sender would, with its one
    authority.
    """
    trusting = ssl.create_default_context(cafile=stack.environment()["APNS_CA_FILE"])
    asked = {"notification": id, "limit": "10000"}
    answer = httpx.get(f"{url}/received", params=asked, verify=trusting, timeout=30)
    return list(answer.raise_for_status().json()["received"])
