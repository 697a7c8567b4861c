"""Providers, their domains and API keys in Firestore.

An existing back end writes the same documents: what we do not know in them stays as it is.
Of an API key only the SHA-256 is stored, as the name of its document.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from google.cloud.firestore import Client, DocumentReference, FieldFilter, Query, WriteBatch

from shared.adapters.documents.domain_history import (
    DOMAIN_HISTORY,
    admin_hwids_change_fields,
    readable_changes,
)
from shared.adapters.documents.provider import (
    API_KEYS,
    DOMAINS,
    PROVIDERS,
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
from shared.adapters.firestore.calls import (
    NotDone,
    Refused,
    Snapshot,
    Unclear,
    as_update,
    commit,
    commit_once,
    data_of,
    fetch,
    if_still,
    reference,
    rewrite,
    select,
    version_of,
)
from shared.adapters.firestore.others import OthersDocuments
from shared.domain.actors import Actor
from shared.domain.errors import NotFound
from shared.domain.links.domain_names import domain_forms, domain_name
from shared.domain.providers.admin_hwids import (
    MOST_RECENT,
    PERIOD,
    AdminHwidsChange,
    change_between,
    check_change,
)
from shared.domain.providers.provider import Domain, Provider
from shared.ports import AlreadyThere, ApiKey
from shared.stores.change import Turns
from shared.stores.codec import present
from shared.stores.names import can_name

if TYPE_CHECKING:
    from shared.adapters.firestore.rest import FirestoreRest

PAGE = 500


class FirestoreProviders:
    """Everything a provider is and has."""

    def __init__(self, client: Client, again: "Callable[[], FirestoreRest]") -> None:
        self._client = client
        self._others = OthersDocuments(client, again)

    def get(self, uid: str) -> Provider | None:
        snapshot = self._others.fetch(self._reference(PROVIDERS, uid))
        return provider_from(uid, data_of(snapshot)) if snapshot.exists else None

    def put(self, provider: Provider) -> None:
        self._merge(self._reference(PROVIDERS, provider.uid), provider_fields(provider))

    def change(self, uid: str, change: Callable[[Provider], Provider]) -> Provider:
        written: list[Provider] = []

        def wanted(snapshot: Snapshot) -> dict[str, Any]:
            if not snapshot.exists:
                raise NotFound("there is no such provider")
            written[:] = [change(provider_from(uid, data_of(snapshot)))]
            return provider_changes(uid, data_of(snapshot), written[0])

        place = self._reference(PROVIDERS, uid)
        rewrite(self._client, place, "the provider", wanted, self._others.fetch)
        return written[0]

    def domains_of(self, uid: str) -> Sequence[Domain]:
        return domains_of_provider(uid, map(_row, self._owned(DOMAINS, uid)), self._of_names)

    def domain(self, name: str) -> Domain | None:
        found = self._likely(name) or self._anywhere(name)
        return _domain(found[0]) if found else None

    def put_domain(self, domain: Domain) -> None:
        self._merge(self._reference(DOMAINS, domain.id), domain_fields(domain))

    def add_domain(self, domain: Domain, *, by: Actor, at: datetime) -> None:
        def added(before: Domain | None) -> Domain:
            if before:
                raise AlreadyThere(domain.domain)
            return domain

        self._rewrite_domain(domain.id, added, by, at)

    def change_domain(
        self, id: str, change: Callable[[Domain], Domain], *, by: Actor, at: datetime
    ) -> Domain:
        written: list[Domain] = []

        def changed(before: Domain | None) -> Domain:
            if before is None:
                raise NotFound("there is no such domain")
            written[:] = [change(before)]
            return written[0]

        self._rewrite_domain(id, changed, by, at)
        return written[0]

    def delete_domain(self, name: str, *, by: Actor, at: datetime) -> None:
        for found in self._anywhere(name):
            self._rewrite_domain(found.id, lambda _: None, by, at)

    def domain_history(self, name: str, since: datetime) -> Sequence[AdminHwidsChange]:
        of_domain = FieldFilter("domain", "==", name)
        return self._changes(self._since(since).where(filter=of_domain), MOST_RECENT)

    def admin_hwids_changes(self, since: datetime, limit: int) -> Sequence[AdminHwidsChange]:
        return self._changes(self._since(since), limit)

    def untold_changes(self, limit: int) -> Sequence[AdminHwidsChange]:
        untold = FieldFilter("told", "==", False)
        return self._changes(self._client.collection(DOMAIN_HISTORY).where(filter=untold), limit)

    def note_told(self, id: str) -> None:
        self._merge(self._reference(DOMAIN_HISTORY, id), {"told": True})

    def add_key(self, digest: str, uid: str, name: str, at: datetime, *, made_by: str = "") -> None:
        self._merge(self._reference(API_KEYS, digest), api_key_fields(uid, name, at, made_by))

    def keys_of(self, uid: str) -> Sequence[ApiKey]:
        return readable_keys(map(_row, self._owned(API_KEYS, uid)))

    def key(self, digest: str) -> ApiKey | None:
        snapshot = fetch(self._reference(API_KEYS, digest))
        return api_key_from(digest, data_of(snapshot)) if snapshot.exists else None

    def delete_key(self, digest: str, uid: str) -> None:
        found = self.key(digest)
        if found is None or found.provider_id != uid:
            raise NotFound("there is no such API key")
        self._delete(self._reference(API_KEYS, digest))

    def _rewrite_domain(
        self,
        id: str,
        change: Callable[[Domain | None], Domain | None],
        by: Actor,
        at: datetime,
    ) -> None:
        """Read, and write the domain with the entry in its history, if nobody wrote meanwhile.

        The history is read after the domain, so it holds whatever led to what the write rests on.
        """
        place, turns = self._reference(DOMAINS, id), Turns("the domain")
        perhaps: list[Domain | None] = []
        while True:
            turns.take()
            snapshot = self._others.fetch(place)
            before = _domain(snapshot) if snapshot.exists else None
            if before in perhaps:  # its answer was lost
                return
            after = change(before)
            batch = self._client.batch()
            if not _written(batch, snapshot, after):
                return
            if entry := change_between(before, after, by, at):
                check_change(entry, before, self.domain_history(entry.domain, at - PERIOD))
                link = self._reference(DOMAIN_HISTORY, uuid4().hex)
                batch.create(link, present(admin_hwids_change_fields(entry)))
            try:
                commit_once(batch)
            except (Refused, NotDone):
                continue
            except Unclear:
                perhaps = [after]
            else:
                return

    def _since(self, since: datetime) -> Query:
        later = FieldFilter("at", ">", since)
        entries = self._client.collection(DOMAIN_HISTORY).where(filter=later)
        return entries.order_by("at", direction=Query.DESCENDING)

    def _changes(self, query: Query, limit: int) -> Sequence[AdminHwidsChange]:
        found = select(query.limit(limit))
        return readable_changes(map(_row, found))

    def _owned(self, collection: str, uid: str) -> Sequence[Snapshot]:
        owned = FieldFilter("providerId", "==", uid)
        of_theirs = self._client.collection(collection).where(filter=owned)
        return self._others.select(of_theirs.order_by("__name__"))

    def _of_names(self, names: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
        places = [self._reference(DOMAINS, name) for name in names if can_name(name)]
        found = self._others.fetch_all(places) if places else []
        return [_row(it) for it in found if it.exists]

    def _likely(self, name: str) -> list[Snapshot]:
        """The documents under the forms of a name that are usual, in one request."""
        forms = domain_forms(name)
        found = self._others.fetch_all([self._reference(DOMAINS, form) for form in forms])
        return sorted((it for it in found if it.exists), key=lambda it: forms.index(it.id))

    def _anywhere(self, name: str) -> list[Snapshot]:
        """The documents under any form of a name, the canonical one first.

        No query knows that ``Shop.Example`` is ``shop.example``, so all names are looked through:
        for operators alone, and where nothing stands under a usual form.
        """
        by_name = self._client.collection(DOMAINS).order_by("__name__").limit(PAGE)
        page, found = by_name.select([]), []
        while snapshots := select(page):
            found += [it.reference for it in snapshots if domain_name(it.id) == name]
            page = page.start_after({"__name__": snapshots[-1].reference})
        there = [it for it in self._others.fetch_all(found) if it.exists] if found else []
        return sorted(there, key=lambda it: (it.id != name, it.id))

    def _reference(self, collection: str, id: str) -> DocumentReference:
        return reference(self._client, collection, id)

    def _merge(self, place: DocumentReference, fields: dict[str, Any]) -> None:
        batch = self._client.batch()
        batch.set(place, fields, merge=list(fields))
        commit(batch, "the store")

    def _delete(self, place: DocumentReference) -> None:
        batch = self._client.batch()
        batch.delete(place)
        commit(batch, "the store")


def _written(batch: WriteBatch, snapshot: Snapshot, domain: Domain | None) -> bool:
    """Whether there is something to write, which then is in the batch."""
    if domain is None:
        if snapshot.exists:
            batch.delete(snapshot.reference, if_still(version_of(snapshot)))
        return snapshot.exists
    if not snapshot.exists:
        batch.create(snapshot.reference, present(domain_fields(domain)))
        return True
    changed = domain_changes(snapshot.id, data_of(snapshot), domain)
    if changed:
        batch.update(snapshot.reference, as_update(changed), if_still(version_of(snapshot)))
    return bool(changed)


def _domain(snapshot: Snapshot) -> Domain:
    return domain_from(snapshot.id, data_of(snapshot))


def _row(snapshot: Snapshot) -> tuple[str, dict[str, Any]]:
    return snapshot.id, data_of(snapshot)
