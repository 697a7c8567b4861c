"""``providers/{uid}``, ``domains/{domain}``, and the API keys of providers.

An existing back end writes the same documents: what we do not know in them stays as it is, and what
cannot be read costs that field only. Of an API key only the SHA-256 is stored, as the name of its
document.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from shared.domain.actors import Actor
from shared.domain.errors import Defect, NotFound
from shared.domain.links.domain_names import domain_forms, domain_name
from shared.domain.providers.admin_hwids import (
    MOST_RECENT,
    PERIOD,
    AdminHwidsChange,
    change_between,
    check_change,
)
from shared.domain.providers.provider import (
    MOST_NOTE_CHARACTERS,
    ApiKey,
    Domain,
    Plan,
    Provider,
    fits_limit,
)
from shared.ports.database import (
    NAME,
    AlreadyThere,
    Create,
    Database,
    Delete,
    Document,
    Merge,
    Query,
    Where,
)
from shared.stores.change import Step, change, write
from shared.stores.codec import Fields, LenientReader, Reader, difference
from shared.stores.domain_history import (
    DOMAIN_HISTORY,
    admin_hwids_change_fields,
    readable_changes,
)
from shared.stores.names import can_name, document_name

PROVIDERS = "providers"
DOMAINS = "domains"
API_KEYS = "apiKeys"
ADMIN_HWID_NOTES = "adminHwidNotes"
PAGE = 500
_WHAT = "the provider's record"

log = logging.getLogger(__name__)


class Providers:
    """Providers' records: the providers, their domains and their API keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, uid: str) -> Provider | None:
        """Return a provider; ``None`` when there is none. Never raises for what a document says."""
        document = self._database.get(document_name(PROVIDERS, uid))
        return provider_from(uid, document.fields) if document else None

    def put(self, provider: Provider) -> None:
        """Create or replace a provider."""
        self._merge(document_name(PROVIDERS, provider.uid), provider_fields(provider))

    def change(self, uid: str, fn: Callable[[Provider], Provider]) -> Provider:
        """Read, apply, write on the condition that nobody wrote meanwhile; raises ``NotFound``."""

        def decide(document: Document | None) -> Step[Provider]:
            if document is None:
                raise NotFound("there is no such provider")
            after = fn(provider_from(uid, document.fields))
            return Step(after, provider_changes(uid, document.fields, after))

        return change(self._database, document_name(PROVIDERS, uid), decide, "the provider")

    # ---- domains -----------------------------------------------------------------------------

    def domains_of(self, uid: str) -> Sequence[Domain]:
        """List all of a provider's domains, by name, but for a domain whose canonical name is
        stored as another provider's.
        """
        return domains_of_provider(uid, self._owned(DOMAINS, uid), self._of_names)

    def domain(self, name: str) -> Domain | None:
        """Find a domain by its canonical name, under whatever form of the name the document is
        stored; ``None`` when no provider has it. That is known only when the names of all domains
        were looked through.
        """
        found = self._likely(name) or self._anywhere(name)
        return domain_from(found[0].id, found[0].fields) if found else None

    def put_domain(self, domain: Domain) -> None:
        """Create or replace a domain, as an existing back end does: without an entry in its
        history.
        """
        self._merge(document_name(DOMAINS, domain.id), domain_fields(domain))

    def add_domain(self, domain: Domain, *, by: Actor, at: datetime) -> None:
        """Create a domain; raises ``AlreadyThere``, and ``TooMany`` as ``change_domain`` does."""

        def added(before: Domain | None) -> Domain:
            if before:
                raise AlreadyThere(domain.domain)
            return domain

        self._rewrite_domain(domain.id, added, by, at)

    def change_domain(
        self, id: str, fn: Callable[[Domain], Domain], *, by: Actor, at: datetime
    ) -> Domain:
        """Read the document of this id, apply, write on the condition that nobody wrote meanwhile;
        raises ``NotFound``.

        Other admin HWIDs are written together with their entry in the domain's history; raises
        ``TooMany`` where ``check_change`` does.
        """

        def changed(before: Domain | None) -> Domain:
            if before is None:
                raise NotFound("there is no such domain")
            return fn(before)

        after = self._rewrite_domain(id, changed, by, at)
        if after is None:
            raise NotFound("there is no such domain")
        return after

    def delete_domain(self, name: str, *, by: Actor, at: datetime) -> None:
        """Delete a domain in every form of its canonical name, whether or not it was there; its
        history stays, and tells who removed its list.
        """
        for found in self._anywhere(name):
            self._rewrite_domain(found.id, lambda _: None, by, at)

    def domain_history(self, name: str, since: datetime) -> Sequence[AdminHwidsChange]:
        """List a domain's entries after then, the latest first."""
        return self._changes(MOST_RECENT, Where("at", ">", since), Where("domain", "==", name))

    def admin_hwids_changes(self, since: datetime, limit: int) -> Sequence[AdminHwidsChange]:
        """List all domains' entries after then, the latest first."""
        return self._changes(limit, Where("at", ">", since))

    def untold_changes(self, limit: int) -> Sequence[AdminHwidsChange]:
        """List some entries that moderators were not told of yet."""
        untold = Query(DOMAIN_HISTORY, (Where("told", "==", False),), limit=limit)
        return readable_changes(map(_row, self._database.query(untold)))

    def note_told(self, id: str) -> None:
        """Note that moderators were told of that entry."""
        self._merge(document_name(DOMAIN_HISTORY, id), {"told": True})

    # ---- API keys ----------------------------------------------------------------------------

    def add_key(self, digest: str, uid: str, name: str, at: datetime, *, made_by: str = "") -> None:
        """Keep the SHA-256 of an API key of provider ``uid``, and the account that made it."""
        self._merge(document_name(API_KEYS, digest), api_key_fields(uid, name, at, made_by))

    def keys_of(self, uid: str) -> Sequence[ApiKey]:
        """List a provider's keys, without the keys; a key that cannot be read is left out."""
        return readable_keys(self._owned(API_KEYS, uid))

    def key(self, digest: str) -> ApiKey | None:
        """Return what may be shown of an API key; ``None`` when there is no such key."""
        document = self._database.get(document_name(API_KEYS, digest))
        return api_key_from(digest, document.fields) if document else None

    def delete_key(self, digest: str, uid: str) -> None:
        """Delete a key; raises ``NotFound`` when ``uid`` has no such key."""
        found = self.key(digest)
        if found is None or found.provider_id != uid:
            raise NotFound("there is no such API key")
        write(self._database, [Delete(document_name(API_KEYS, digest))], _WHAT)

    # ---- how it is read and written ----------------------------------------------------------

    def _rewrite_domain(
        self, id: str, fn: Callable[[Domain | None], Domain | None], by: Actor, at: datetime
    ) -> Domain | None:
        """Read, and write the domain with the entry in its history, if nobody wrote meanwhile.

        The history is read after the domain, so it holds whatever led to what the write rests on.
        """

        def decide(document: Document | None) -> Step[Domain | None]:
            before = domain_from(id, document.fields) if document else None
            after = fn(before)
            fields: Fields = {}
            if after:
                stored = document.fields if document else {}
                fields = domain_changes(id, stored, after) if document else domain_fields(after)
                if not fields:
                    return Step(after)
            elif not document:
                return Step(None)
            return Step(after, fields, self._entry(before, after, by, at), deletes=after is None)

        return change(self._database, document_name(DOMAINS, id), decide, "the domain")

    def _entry(
        self, before: Domain | None, after: Domain | None, by: Actor, at: datetime
    ) -> tuple[Create, ...]:
        entry = change_between(before, after, by, at)
        if entry is None:
            return ()
        check_change(entry, before, self.domain_history(entry.domain, at - PERIOD))
        name = document_name(DOMAIN_HISTORY, uuid4().hex)
        return (Create(name, admin_hwids_change_fields(entry)),)

    def _changes(self, limit: int, *where: Where) -> Sequence[AdminHwidsChange]:
        asked = Query(DOMAIN_HISTORY, where, order=("-at",), limit=limit)
        return readable_changes(map(_row, self._database.query(asked)))

    def _owned(self, collection: str, uid: str) -> "StoredDocuments":
        owned = Query(collection, (Where("providerId", "==", uid),), order=(NAME,))
        return map(_row, self._database.query(owned))

    def _of_names(self, names: Sequence[str]) -> "StoredDocuments":
        places = [document_name(DOMAINS, name) for name in names if can_name(name)]
        found = self._database.get_many(places).documents.values() if places else ()
        return map(_row, found)

    def _likely(self, name: str) -> list[Document]:
        """Read the documents under the forms of a name that are usual, in one request."""
        places = [document_name(DOMAINS, form) for form in domain_forms(name)]
        found = self._database.get_many(places).documents
        return [found[place] for place in places if place in found]

    def _anywhere(self, name: str) -> list[Document]:
        """Read the documents under any form of a name, the canonical one first.

        No query knows that ``Shop.Example`` is ``shop.example``, so all names are looked through:
        for operators alone, and where nothing stands under a usual form.
        """
        places: list[str] = []
        after: tuple[str, ...] = ()
        while True:
            asked = Query(DOMAINS, order=(NAME,), after=after, limit=PAGE, select=(NAME,))
            page = self._database.query(asked)
            places += [it.name for it in page if domain_name(it.id) == name]
            if len(page) < PAGE:
                break
            after = (page[-1].name,)
        found = self._database.get_many(places).documents.values() if places else ()
        return sorted(found, key=lambda it: (it.id != name, it.id))

    def _merge(self, name: str, fields: Fields) -> None:
        write(self._database, [Merge(name, fields)], _WHAT)


def _row(document: Document) -> tuple[str, Mapping[str, Any]]:
    return document.id, document.fields


def provider_fields(provider: Provider) -> Fields:
    """Build the document of a provider."""
    return {
        "email": provider.email,
        "isPremium": provider.is_premium,
        "plan": str(provider.plan),
        "name": provider.name,
        "limits": dict(provider.limits),
        "members": list(provider.members),
    }


def provider_from(uid: str, document: Mapping[str, Any]) -> Provider:
    """Read a provider; a document that says nothing entitles to nothing, and a plan that we do not
    know (an existing back end may have ``free``) gives no more than the smallest.

    A ``null`` among the limits may mean none or any number: it cannot be read either.
    """
    reader = LenientReader(document)
    plan = reader.text("plan")
    return Provider(
        uid=uid,
        email=reader.text("email"),
        is_premium=reader.flag("isPremium"),
        plan=Plan(plan) if plan in set(Plan) else Plan.PREMIUM,
        name=reader.text("name"),
        limits=tuple(sorted(reader.counts("limits", fits_limit).items())),
        members=reader.texts("members"),
        unreadable=reader.unreadable,
    )


def provider_changes(uid: str, document: Mapping[str, Any], provider: Provider) -> Fields:
    """Return the fields to write so that the document says ``provider``."""
    odd = provider_from(uid, document).unreadable
    return _changes(document, odd, provider_fields(provider), provider.unreadable)


def domain_fields(domain: Domain) -> Fields:
    """Build the document of a domain."""
    notes = dict(domain.admin_hwid_notes)
    return {
        "providerId": domain.provider_id,
        "isVerified": domain.is_verified,
        "adminHwids": list(domain.admin_hwids),
        **({ADMIN_HWID_NOTES: notes} if notes else {}),
        "deepLinkSchemes": list(domain.deep_link_schemes),
    }


def domain_from(id: str, document: Mapping[str, Any]) -> Domain:
    """Read a domain, whatever form of its name it is stored under; unverified unless it says
    otherwise.

    Of the domain's admin HWIDs those that can be read count: each was entered on purpose.
    """
    reader, name = LenientReader(document), domain_name(id)
    return Domain(
        domain=name,
        provider_id=reader.text("providerId"),
        is_verified=reader.flag("isVerified"),
        admin_hwids=reader.texts("adminHwids"),
        admin_hwid_notes=tuple(
            sorted(reader.texts_by_name(ADMIN_HWID_NOTES, most=MOST_NOTE_CHARACTERS).items())
        ),
        deep_link_schemes=reader.texts("deepLinkSchemes"),
        stored_as="" if id == name else id,
        unreadable=reader.unreadable,
    )


StoredDocuments = Iterable[tuple[str, Mapping[str, Any]]]
"""Documents by id."""


def domains_of_provider(
    uid: str, owned: StoredDocuments, stored: Callable[[Sequence[str]], StoredDocuments]
) -> list[Domain]:
    """List a provider's domains, by name.

    A domain that is stored under another form of its name does not count where the canonical one is
    stored, too, and another provider's; ``stored`` looks that up.
    """
    domains = [domain_from(id, document) for id, document in owned]
    others = [domain.domain for domain in domains if domain.stored_as]
    lost = {
        taken.domain
        for taken in (domain_from(id, document) for id, document in stored(others))
        if taken.provider_id not in {"", uid}
    }
    for domain in domains:
        if domain.stored_as and domain.domain in lost:
            log.error("domains/%s is stored as another provider's, too", domain.domain)
    kept = (it for it in domains if not (it.stored_as and it.domain in lost))
    return sorted(kept, key=lambda it: (it.domain, it.stored_as))


def domain_changes(id: str, document: Mapping[str, Any], domain: Domain) -> Fields:
    """Return the fields to write so that the document says ``domain``."""
    odd = domain_from(id, document).unreadable
    fields = {ADMIN_HWID_NOTES: None, **domain_fields(domain)}
    return _changes(document, odd, fields, domain.unreadable)


def _changes(
    document: Mapping[str, Any], odd: Collection[str], fields: Fields, still_odd: Collection[str]
) -> Fields:
    """Replace what could not be read where it was given anew, and else leave it as it is."""
    readable = {name: value for name, value in document.items() if name not in odd}
    changed_fields = {name: value for name, value in fields.items() if name not in still_odd}
    return difference(readable, changed_fields)


def api_key_fields(uid: str, name: str, at: datetime, made_by: str) -> Fields:
    """Build the document of an API key, which is named by the key's SHA-256."""
    return {"providerId": uid, "name": name, "createdAt": at, "madeBy": made_by}


def api_key_from(digest: str, document: Mapping[str, Any]) -> ApiKey:
    """What may be shown of an API key."""
    reader = Reader(API_KEYS, digest, document)
    owner = reader.text_or_none("providerId")
    if not owner:
        raise reader.wrong("providerId", "is missing")
    return ApiKey(
        id=digest,
        provider_id=owner,
        name=reader.text("name"),
        created_at=reader.required_time("createdAt"),
        made_by=reader.text("madeBy"),
    )


def readable_keys(documents: Iterable[tuple[str, Mapping[str, Any]]]) -> list[ApiKey]:
    """Read those keys that can be read, oldest first; a broken one keeps nobody from the others."""
    keys = []
    for digest, document in documents:
        try:
            keys.append(api_key_from(digest, document))
        except Defect:
            log.exception("left out of a list of API keys")
    return sorted(keys, key=lambda key: (key.created_at, key.id))
