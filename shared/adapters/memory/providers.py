"""Providers, domains and API keys in memory, as the Firestore ones keep them."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from shared.adapters.documents.domain_history import admin_hwids_change_fields, readable_changes
from shared.adapters.documents.provider import (
    api_key_fields,
    api_key_from,
    domain_changes,
    domain_fields,
    domain_from,
    domains_of_provider,
    provider_changes,
    provider_fields,
    provider_from,
    readable_keys,
)
from shared.adapters.memory.documents import Collection
from shared.domain.actors import Actor
from shared.domain.errors import NotFound, TryAgain
from shared.domain.links.domain_names import domain_name
from shared.domain.providers.admin_hwids import (
    PERIOD,
    AdminHwidsChange,
    change_between,
    check_change,
)
from shared.domain.providers.provider import Domain, Provider
from shared.ports import AlreadyThere, ApiKey

_TRIES = 200


class MemoryProviders:
    """Everything a provider is and has."""

    def __init__(self, *records: Provider | Domain) -> None:
        lock = threading.RLock()
        self._providers = Collection(lock)
        self.documents: dict[str, dict[str, Any]] = self._providers.documents
        self._domains = Collection(lock)
        self.domains: dict[str, dict[str, Any]] = self._domains.documents
        self._history = Collection(lock)
        self._keys = Collection(lock)
        self._lock = lock
        for record in records:
            if isinstance(record, Provider):
                self.put(record)
            else:
                self.put_domain(record)

    def get(self, uid: str) -> Provider | None:
        document, _ = self._providers.read(uid)
        return None if document is None else provider_from(uid, document)

    def put(self, provider: Provider) -> None:
        self._providers.merge(provider.uid, provider_fields(provider))

    def change(self, uid: str, change: Callable[[Provider], Provider]) -> Provider:
        for _ in range(_TRIES):
            document, version = self._providers.read(uid)
            if document is None:
                raise NotFound("there is no such provider")
            after = change(provider_from(uid, document))
            with self._lock:
                if self._providers.holds(uid, version):
                    self._providers.merge(uid, provider_changes(uid, document, after))
                    return after
        raise TryAgain("the provider is busy")

    def domains_of(self, uid: str) -> Sequence[Domain]:
        return domains_of_provider(uid, _owned(self._domains, uid), self._of_names)

    def domain(self, name: str) -> Domain | None:
        found = self._forms(name)
        return domain_from(found[0], self._domains.documents[found[0]]) if found else None

    def put_domain(self, domain: Domain) -> None:
        self._domains.merge(domain.id, domain_fields(domain))

    def add_domain(self, domain: Domain, *, by: Actor, at: datetime) -> None:
        with self._lock:
            if self.domain(domain.domain):
                raise AlreadyThere(domain.domain)
            self._enter(None, domain, by, at)
            self.put_domain(domain)

    def change_domain(
        self, id: str, change: Callable[[Domain], Domain], *, by: Actor, at: datetime
    ) -> Domain:
        for _ in range(_TRIES):
            document, version = self._domains.read(id)
            if document is None:
                raise NotFound("there is no such domain")
            before = domain_from(id, document)
            after = change(before)
            with self._lock:
                if self._domains.holds(id, version):
                    self._enter(before, after, by, at)
                    self._domains.merge(id, domain_changes(id, document, after))
                    return after
        raise TryAgain("the domain is busy")

    def delete_domain(self, name: str, *, by: Actor, at: datetime) -> None:
        with self._lock:
            for id in self._forms(name):
                self._enter(domain_from(id, self._domains.documents[id]), None, by, at)
                self._domains.remove(id)

    def domain_history(self, name: str, since: datetime) -> Sequence[AdminHwidsChange]:
        return [each for each in self._changes() if each.domain == name and each.at > since]

    def admin_hwids_changes(self, since: datetime, limit: int) -> Sequence[AdminHwidsChange]:
        return [each for each in self._changes() if each.at > since][:limit]

    def untold_changes(self, limit: int) -> Sequence[AdminHwidsChange]:
        entries = self._history.documents
        return [each for each in self._changes() if not entries[each.id]["told"]][:limit]

    def note_told(self, id: str) -> None:
        self._history.merge(id, {"told": True})

    def _enter(self, before: Domain | None, after: Domain | None, by: Actor, at: datetime) -> None:
        if entry := change_between(before, after, by, at):
            check_change(entry, before, self.domain_history(entry.domain, at - PERIOD))
            id = f"{len(self._history.documents):06}"
            self._history.put(id, admin_hwids_change_fields(entry))

    def _changes(self) -> list[AdminHwidsChange]:
        found = readable_changes(self._history.documents.items())
        return sorted(found, key=lambda each: (each.at, each.id), reverse=True)

    def add_key(self, digest: str, uid: str, name: str, at: datetime, *, made_by: str = "") -> None:
        self._keys.put(digest, api_key_fields(uid, name, at, made_by))

    def keys_of(self, uid: str) -> Sequence[ApiKey]:
        return readable_keys(_owned(self._keys, uid))

    def key(self, digest: str) -> ApiKey | None:
        document, _ = self._keys.read(digest)
        return None if document is None else api_key_from(digest, document)

    def delete_key(self, digest: str, uid: str) -> None:
        found = self.key(digest)
        if found is None or found.provider_id != uid:
            raise NotFound("there is no such API key")
        self._keys.remove(digest)

    def _of_names(self, names: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
        return [(name, it) for name in names if (it := self._domains.documents.get(name))]

    def _forms(self, name: str) -> list[str]:
        """The names under which the domain is stored, the canonical one first."""
        found = [id for id in self._domains.documents if domain_name(id) == name]
        return sorted(found, key=lambda it: (it != name, it))


def _owned(collection: Collection, uid: str) -> list[tuple[str, dict[str, Any]]]:
    stored = sorted(collection.documents.items())
    return [(id, document) for id, document in stored if document.get("providerId") == uid]
