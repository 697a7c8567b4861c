"""The settings of a push service's emulator: how slow it is, which faults befall any address."""

import random
from collections.abc import Mapping
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field


class PushConfig(BaseModel):
    """Settings that every emulator has and can change while it runs; each adds its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_seconds: float = Field(default=0.0, ge=0)
    fault_ratio: float = Field(default=0.0, ge=0, le=1)
    faults: tuple[str, ...]
    seed: int = 0
    slow_seconds: float = Field(default=30.0, ge=0)


C = TypeVar("C", bound=PushConfig)
S = TypeVar("S")


class InForce(Generic[C, S]):
    """Settings in force, and the random choice of their faults: rows of ``faults``, by prefix."""

    def __init__(self, first: C, faults: Mapping[str, S]) -> None:
        self._first = first
        self._faults_by_prefix = faults
        self._bring(first)

    def change(self, text: bytes) -> None:
        """Change the settings; what the JSON leaves out is reset to what it was at the start.

        What cannot be raises ``ValidationError`` or, for an unknown fault, ``KeyError``; then
        everything stays as it is.
        """
        asked = type(self._first).model_validate_json(text)
        given = {name: getattr(asked, name) for name in asked.model_fields_set}
        self._bring(self._first.model_copy(update=given))

    def _bring(self, config: C) -> None:
        self._faults = [self._faults_by_prefix[prefix] for prefix in config.faults]
        self._chance = random.Random(config.seed)  # noqa: S311
        self.config = config

    def passing_fault(self) -> S | None:
        """Choose the fault that befalls this address, or none."""
        if self.config.fault_ratio and self._chance.random() < self.config.fault_ratio:
            return self._chance.choice(self._faults)
        return None
