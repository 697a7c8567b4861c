"""The entries of domains' histories, as documents."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from shared.domain.errors import Defect
from shared.domain.providers.admin_hwids import AdminHwidsChange
from shared.stores.codec import Fields, Reader

DOMAIN_HISTORY = "domainHistory"

log = logging.getLogger(__name__)


def admin_hwids_change_fields(change: AdminHwidsChange) -> Fields:
    """Build the document of an entry that moderators were not told of yet."""
    return {
        "domain": change.domain,
        "providerId": change.provider_id,
        "at": change.at,
        "by": change.by,
        "added": list(change.added),
        "removed": list(change.removed),
        "told": False,
    }


def admin_hwids_change_from(id: str, document: Mapping[str, Any]) -> AdminHwidsChange:
    """Read an entry."""
    reader = Reader(DOMAIN_HISTORY, id, document)
    return AdminHwidsChange(
        domain=reader.text("domain"),
        provider_id=reader.text("providerId"),
        at=reader.required_time("at"),
        by=reader.text("by"),
        added=reader.texts("added"),
        removed=reader.texts("removed"),
        id=id,
    )


def readable_changes(documents: Iterable[tuple[str, Mapping[str, Any]]]) -> list[AdminHwidsChange]:
    """Read those entries that can be read; a broken one keeps nobody from the others."""
    entries = []
    for id, document in documents:
        try:
            entries.append(admin_hwids_change_from(id, document))
        except Defect:
            log.exception("left out of the domains' history")
    return entries
