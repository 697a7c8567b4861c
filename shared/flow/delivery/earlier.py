"""Comparing a batch with the provider's earlier notification: read only where addresses are
unknown, and by nobody else.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from shared.domain.delivery.ledger import Batch, Newness
from shared.domain.delivery.newness import comparable, key_range, newness
from shared.domain.delivery.run import Run, RunId
from shared.domain.errors import Defect, TryAgain
from shared.ports import RunMemory

if TYPE_CHECKING:
    from shared.stores.ledger import Ledger
    from shared.stores.runs import Runs

CHOOSE_AMONG: Final = 10
"""The provider's notifications that were created last."""
MOST_BETWEEN: Final = 12
"""Batches of an earlier notification that may meet one of this: ordinarily two or three do. Of an
audience so much smaller than the earlier one that more do, nothing is told.
"""

log = logging.getLogger(__name__)


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def ledger(self) -> Ledger: ...
    @property
    def memory(self) -> RunMemory: ...
    @property
    def runs(self) -> Runs: ...


def compared(run: Run, batch: Batch, *, needs: Needs) -> Mapping[int, Newness] | None:
    """Tell how new the addresses of a batch are, by position: nothing where there is no earlier
    notification, or none that can be read; ``None`` where the store has to be asked again.
    """
    try:
        find = partial(_earlier_run, run, needs.runs)
        earlier = needs.memory.earlier(run.id, find)
        return _compared(batch, earlier, needs.ledger) if earlier else {}
    except TryAgain:
        log.warning("an earlier notification cannot be read now: %s", run.id)
        return None
    except Defect:
        log.exception("cannot be compared with an earlier notification: %s", run.id)
        return {}


def _earlier_run(run: Run, runs: Runs) -> RunId | None:
    found = comparable(run, runs.completed_of(run.provider_id, CHOOSE_AMONG))
    return found.id if found else None


def _compared(batch: Batch, earlier: RunId, ledger: Ledger) -> Mapping[int, Newness]:
    low, high = key_range(batch)
    found = ledger.batches_between(earlier, low, high, MOST_BETWEEN)
    return {} if found is None else newness(batch, found)
