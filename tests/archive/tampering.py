"""What somebody with the right to write does to an archive, and where it is found."""

import gzip
import json
from collections.abc import Callable
from typing import Any

from shared.domain.archive.manifest import name_of
from shared.domain.archive.objects import Kind
from shared.domain.notifications.notification import NotificationId
from tests.archive.parts import World


def an_object(world: World, kind: Kind, id: str = "n1") -> str:
    names: list[str] = sorted(world.archive.objects)
    return next(n for n in names if f"kind={kind}/" in n and f"/{id}-" in n)


def rewritten(world: World, name: str, change: Callable[[list[str]], None]) -> None:
    """Edit an object, as somebody with the right to write can."""
    lines = gzip.decompress(world.archive.objects[name]).decode().split("\n")
    change(lines)
    world.archive.objects[name] = gzip.compress("\n".join(lines).encode())


def places_of(world: World, code: str, *, deep: bool = False) -> list[str]:
    return [it.where for it in world.verify(deep=deep).wrong if it.code == code]


def forge(world: World, number: int, change: Callable[[dict[str, Any]], None]) -> None:
    facts = json.loads(world.archive.objects[name_of(number)])
    change(facts)
    world.archive.objects[name_of(number)] = json.dumps(facts).encode()


def three_days() -> World:
    world = World()
    for id in ("n1", "n2", "n3"):
        world.archived(NotificationId(id))
    return world
