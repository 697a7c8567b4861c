"""The actor of a change: role and id."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Side on whose behalf a change is made."""

    PROVIDER = "provider"
    MODERATOR = "moderator"
    OPERATOR = "operator"
    DEVICE = "device"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """The author of a change: a role and, but for the system, an id."""

    role: Role
    id: str = ""

    def __str__(self) -> str:
        return f"{self.role}:{self.id}" if self.id else str(self.role)


SYSTEM = Actor(Role.SYSTEM)
