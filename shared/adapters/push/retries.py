"""The retry budget of one process, shared by all its threads."""

import threading
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from shared.domain.audience.device import AppService
from shared.domain.delivery.retry import RecentAttempts, RetryBudget, too_many
from shared.ports import Attempts


class ProcessRetries:
    """``Retries`` kept in memory: another process has a budget of its own."""

    def __init__(self, budget: RetryBudget = RetryBudget()) -> None:  # noqa: B008 - frozen
        self._budget = budget
        self._lock = threading.Lock()
        self._spent: defaultdict[AppService, RecentAttempts] = defaultdict(RecentAttempts)

    def wait_seconds(
        self, attempts: Mapping[AppService, Attempts], others: int, now: datetime
    ) -> float:
        with self._lock:
            over = sum(
                tries.again
                for service, tries in attempts.items()
                if not self._budget.affords(self._spent[service], now, tries.again)
            )
            if too_many(over, others + sum(it.first + it.again for it in attempts.values())):
                return self._budget.wait_seconds
            for service, tries in attempts.items():
                spent = self._spent[service]
                self._spent[service] = self._budget.after(spent, now, tries.first, tries.again)
        return 0.0

    def give_back(self, attempts: Mapping[AppService, Attempts], granted_at: datetime) -> None:
        with self._lock:
            for service, tries in attempts.items():
                spent = self._spent[service]
                self._spent[service] = self._budget.given_back(
                    spent, granted_at, tries.first, tries.again
                )
