"""What other parts are built upon: the settings, the clock, and two ways to Firestore.

Google's client (``_firestore``) is for what people do one at a time; our own transport (``_rest``)
is for what a fan-out does thousands of times.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from shared.ports import Clock
from shared.settings import Settings, settings

if TYPE_CHECKING:
    from google.cloud.firestore import Client

    from shared.adapters.firestore.rest import FirestoreRest


class Ground:
    """The settings given, or those of the environment."""

    def __init__(self, given: Settings | None = None) -> None:
        self._given = given

    @cached_property
    def settings(self) -> Settings:
        return self._given or settings()

    @cached_property
    def clock(self) -> Clock:
        from shared.adapters.clock import SystemClock

        return SystemClock()

    @cached_property
    def _firestore(self) -> "Client":
        from shared.adapters.firestore.client import client

        return client(self.settings)

    @cached_property
    def _rest(self) -> "FirestoreRest":
        from shared.adapters.firestore.rest import FirestoreRest

        return FirestoreRest(self.settings.project, self.settings.firestore_emulator)
