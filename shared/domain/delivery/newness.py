"""Which addresses an earlier notification reached, as far as its ledger tells.

Whether an address was ever accepted is stored nowhere: a write for each would cost as much as the
push. But the ledger of the provider's last notification names whom it reached, and when. It holds
the address no more, so a device that registered since may have another one, or the same once more.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from shared.domain.audience.device import PushAddress, partition_of
from shared.domain.delivery.evidence import reached
from shared.domain.delivery.ledger import Batch, Newness, sort_key
from shared.domain.delivery.run import Run


def comparable(this: Run, sent: Iterable[Run]) -> Run | None:
    """Choose with which of the provider's runs to compare: the last that went to all whom
    this one goes to; else the last that went to one of its domains.
    """
    domains = _domains(this)
    earlier = sorted(
        (it for it in sent if _is_earlier(it, this) and not domains.isdisjoint(_domains(it))),
        key=lambda it: it.began_at,
        reverse=True,
    )
    covering = (it for it in earlier if domains <= _domains(it) and _keeps_all_of(it, this))
    return next(covering, next(iter(earlier), None))


def _is_earlier(it: Run, this: Run) -> bool:
    begun = it.sending_at and this.sending_at and it.sending_at < this.sending_at
    return bool(begun) and it.id != this.id and not it.urgent


def _domains(it: Run) -> set[str]:
    return set(it.segment.domains_of(it.domains))


def _keeps_all_of(it: Run, this: Run) -> bool:
    """Tell whether a segment, but for its domain, leaves nobody out whom the other one keeps."""
    return _filters(it).items() <= _filters(this).items()


def _filters(it: Run) -> Mapping[str, object]:
    restricting = it.segment.restricting()
    return {each.name: value for each, value in restricting if each.name != "domain"}


def key_range(batch: Batch) -> tuple[str, str]:
    """Return the sort keys of a batch's first and last device."""
    last = batch.targets[-1].hwid
    return batch.first_key, max(batch.first_key, sort_key(partition_of(last), last))


def newness(batch: Batch, earlier: Iterable[Batch]) -> Mapping[int, Newness]:
    """Tell how new a batch's addresses are, by position, from all batches of an earlier
    notification that may hold one of its devices.
    """
    reached_at = {
        target.hwid: record.at
        for one in earlier
        for target, record in zip(one.targets, one.records, strict=True)
        if reached(record)
    }
    return {
        position: _newness(target.address, reached_at[target.hwid])
        if target.hwid in reached_at
        else Newness.NEW
        for position, target in enumerate(batch.targets)
        if target.address
    }


def _newness(address: PushAddress, reached_at: datetime | None) -> Newness:
    since = address.registered_at
    return Newness.RENEWED if reached_at and since and since > reached_at else Newness.KNOWN
