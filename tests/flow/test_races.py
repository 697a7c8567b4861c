"""Two who want different things at the same moment: of every order, exactly one of them wins."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client

from local.firestore import FirestoreEmulator
from shared.adapters.clock import FixedClock
from shared.adapters.firestore_notifications import FirestoreNotifications
from shared.adapters.memory import MemoryNotifications, MemoryProviders
from shared.adapters.memory_fanout import MemoryLedger
from shared.domain.content import NotificationInput
from shared.domain.delivery import BatchState, Outcome, Record, Tally
from shared.domain.errors import WrongState
from shared.domain.history import broken_links
from shared.domain.lifecycle import Status
from shared.domain.notification import Change, Notification, NotificationId
from shared.flow.cancel import cancel, stop
from shared.flow.count import finish
from shared.flow.create import edit
from shared.flow.moderate import approve, reject
from shared.ports import Notifications
from tests.builders import (
    MODERATOR,
    NOON,
    PROVIDER,
    a_batch,
    a_domain,
    a_notification,
    a_provider,
)
from tests.flow.stage import Deed, Stage, Stepping, SteppingLedger, orders

ID = NotificationId("n1")
CLOCK = FixedClock(NOON)
PROVIDERS = MemoryProviders(a_provider(), a_domain())
STEPS = 3
"""Reading, deciding, writing."""

Doing = Callable[[Any], object]
CANCEL: Doing = lambda store: cancel(ID, provider_id="p1", notifications=store, clock=CLOCK)  # noqa: E731
APPROVE: Doing = lambda store: approve(  # noqa: E731
    ID, by=MODERATOR, revision=1, notifications=store, clock=CLOCK
)
