"""Providers, their domains and API keys in Firestore.

An existing back end writes the same documents: what we do not know in them stays as it is.
Of an API key only the SHA-256 is stored, as the name of its document.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from google.cloud.firestore import Client, DocumentReference, FieldFilter

from shared.adapters.documents import (
    API_KEYS,
    DOMAINS,
    PROVIDERS,
    api_key_fields,
    api_key_from,
    api_key_owner,
    difference,
    domain_fields,
    domain_from,
    provider_fields,
    provider_from,
    readable_domains,
)
from shared.adapters.firestore.calls import (
    Snapshot,
    commit,
    data_of,
    fetch,
    reference,
    rewrite,
    select,
)
from shared.domain.errors import NotFound
from shared.domain.provider import Domain, Provider
from shared.ports import ApiKey


class FirestoreProviders:
    """Everything a provider is and has."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, uid: str) -> Provider | None:
        snapshot = fetch(self._reference(PROVIDERS, uid))
        return provider_from(uid, data_of(snapshot)) if snapshot.exists else None

    def put(self, provider: Provider) -> None:
        self._merge(self._reference(PROVIDERS, provider.uid), provider_fields(provider))

    def change(self, uid: str, change: Callable[[Provider], Provider]) -> Provider:
        written: list[Provider] = []

        def wanted(snapshot: Snapshot) -> dict[str, Any]:
            if not snapshot.exists:
                raise NotFound("there is no such provider")
            written[:] = [change(provider_from(uid, data_of(snapshot)))]
            return difference(data_of(snapshot), provider_fields(written[0]))

        rewrite(self._client, self._reference(PROVIDERS, uid), "the provider", wanted)
        return written[0]

    def domains_of(self, uid: str) -> Sequence[Domain]:
        return readable_domains((it.id, data_of(it)) for it in self._owned(DOMAINS, uid))

    def domain(self, name: str) -> Domain | None:
        snapshot = fetch(self._reference(DOMAINS, name))
        return _domain(snapshot) if snapshot.exists else None

    def put_domain(self, domain: Domain) -> None:
        self._merge(self._reference(DOMAINS, domain.domain), domain_fields(domain))

    def change_domain(self, name: str, change: Callable[[Domain], Domain]) -> Domain:
        written: list[Domain] = []

        def wanted(snapshot: Snapshot) -> dict[str, Any]:
            if not snapshot.exists:
                raise NotFound("there is no such domain")
            written[:] = [change(_domain(snapshot))]
            return difference(data_of(snapshot), domain_fields(written[0]))

        rewrite(self._client, self._reference(DOMAINS, name), "the domain", wanted)
        return written[0]

    def delete_domain(self, name: str) -> None:
        self._delete(self._reference(DOMAINS, name))

    def add_key(self, digest: str, uid: str, name: str, at: datetime) -> None:
        self._merge(self._reference(API_KEYS, digest), api_key_fields(uid, name, at))

    def keys_of(self, uid: str) -> Sequence[ApiKey]:
        keys = [api_key_from(key.id, data_of(key)) for key in self._owned(API_KEYS, uid)]
        return sorted(keys, key=lambda key: (key.created_at, key.id))

    def key_owner(self, digest: str) -> str | None:
        snapshot = fetch(self._reference(API_KEYS, digest))
        return api_key_owner(digest, data_of(snapshot)) if snapshot.exists else None

    def delete_key(self, digest: str, uid: str) -> None:
        if self.key_owner(digest) != uid:
            raise NotFound("there is no such API key")
        self._delete(self._reference(API_KEYS, digest))

    def _owned(self, collection: str, uid: str) -> Sequence[Snapshot]:
        owned = FieldFilter("providerId", "==", uid)
        return select(self._client.collection(collection).where(filter=owned).order_by("__name__"))

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


def _domain(snapshot: Snapshot) -> Domain:
    return domain_from(snapshot.id, data_of(snapshot))
