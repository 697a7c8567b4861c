"""What a verb needs, without the rest of the container."""

from types import SimpleNamespace
from typing import Any


def only(**parts: object) -> Any:
    """Make a container of just these parts."""
    return SimpleNamespace(**parts)
