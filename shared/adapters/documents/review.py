"""What stands on a notification about its review, and the records of moderation, as documents."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.domain.findings.finding import Finding, Severity
from shared.domain.findings.link_ends import LinkEnd, LookedAt
from shared.domain.notifications.review import Claim, Endorsement, ReviewPolicy, Template
from shared.domain.providers.places import Lease, Leases, Taker, Takers
from shared.ports import Moderator
from shared.stores.codec import Fields, Reader

MODERATION = "moderation"
"""The review policy's document in ``platform``."""
REMINDER = "moderationReminder"
MODERATORS = "moderators"
USAGE = "usage"


def finding_fields(finding: Finding) -> Fields:
    """Write a finding inside a notification, with the host it is about, if any."""
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "field": finding.field,
        "sentence": finding.sentence,
        **({"host": finding.host} if finding.host else {}),
    }


def finding_from(reader: Reader) -> Finding:
    """A finding."""
    return Finding(
        code=reader.text("code"),
        severity=reader.choice("severity", Severity),
        field=reader.text("field"),
        sentence=reader.text("sentence"),
        host=reader.text("host"),
    )


def looked_at_fields(looked_at: LookedAt) -> Fields:
    """Write where a notification's links ended; only as much as a later look is compared with."""
    return {
        "ends": [
            {"field": end.field, "host": end.host, "final": end.final} for end in looked_at.ends
        ],
        "misses": looked_at.misses,
        "againAt": looked_at.again_at,
    }


def looked_at_from(reader: Reader | None) -> LookedAt | None:
    """Read where a notification's links ended, if anybody looked."""
    if reader is None:
        return None
    return LookedAt(
        ends=tuple(
            LinkEnd(each.text("field"), each.text("host"), each.text("final"))
            for each in reader.maps("ends")
        ),
        misses=reader.number("misses"),
        again_at=reader.time("againAt"),
    )


def claim_fields(claim: Claim) -> Fields:
    """A claim inside a notification."""
    return {"moderatorId": claim.moderator_id, "until": claim.until}


def claim_from(reader: Reader | None) -> Claim | None:
    """A claim, if there is one."""
    if reader is None:
        return None
    return Claim(reader.text("moderatorId"), reader.required_time("until"))


def endorsement_fields(endorsement: Endorsement) -> Fields:
    """A first approval inside a notification."""
    return {
        "moderatorId": endorsement.moderator_id,
        "at": endorsement.at,
        "revision": endorsement.revision,
    }


def endorsement_from(reader: Reader) -> Endorsement:
    """A first approval."""
    return Endorsement(
        reader.text("moderatorId"), reader.required_time("at"), reader.number("revision", 1)
    )


def policy_fields(policy: ReviewPolicy) -> Fields:
    """The document of the review policy."""
    return {
        "secondApprovalAbove": policy.second_approval_above,
        "slaSeconds": int(policy.sla.total_seconds()),
        "templates": [
            {"id": each.id, "title": each.title, "comment": each.comment}
            for each in policy.templates
        ],
    }


def policy_from(document: Mapping[str, Any]) -> ReviewPolicy:
    """The review policy; what the document does not say is as it was delivered."""
    reader, usual = Reader("platform", MODERATION, document), ReviewPolicy()
    sla_seconds = reader.number("slaSeconds", int(usual.sla.total_seconds()))
    return ReviewPolicy(
        second_approval_above=reader.number("secondApprovalAbove", usual.second_approval_above),
        sla=timedelta(seconds=sla_seconds),
        templates=tuple(
            Template(each.text("id"), each.text("title"), each.text("comment"))
            for each in reader.maps("templates")
        ),
    )


def reminder_from(document: Mapping[str, Any]) -> datetime | None:
    """When moderators were last reminded."""
    return Reader("platform", REMINDER, document).time("at")


REMOVED: Fields = {"removed": True}
"""The document of somebody who is no moderator any more."""


def moderator_fields(moderator: Moderator) -> Fields:
    """The document of a moderator."""
    return {
        "telegramUserId": moderator.telegram_user_id,
        "name": moderator.name,
        "email": moderator.email,
        "at": moderator.at,
    }


def moderator_from(uid: str, document: Mapping[str, Any]) -> Moderator:
    """A moderator."""
    reader = Reader(MODERATORS, uid, document)
    return Moderator(
        uid=uid,
        at=reader.required_time("at"),
        telegram_user_id=reader.number_or_none("telegramUserId"),
        name=reader.text("name"),
        email=reader.text("email"),
    )


def usage_fields(takers: Takers, expire_at: datetime | None) -> Fields:
    """The document of a limit's window: who took a place in it, until it may be removed."""
    return {"takers": [str(taker) for taker in takers], "expireAt": expire_at}


def takers_from(id: str, document: Mapping[str, Any]) -> Takers:
    """Who took a place."""
    return tuple(map(Taker.read, Reader(USAGE, id, document).texts("takers")))


def lease_fields(leases: Leases, expire_at: datetime | None) -> Fields:
    """The document of turns that last: whose they are and until when."""
    turns = [{"taker": str(each.taker), "until": each.until} for each in leases]
    return {"leases": turns, "expireAt": expire_at}


def leases_from(id: str, document: Mapping[str, Any]) -> Leases:
    """Whose turns there are."""
    return tuple(
        Lease(Taker.read(each.text("taker")), each.required_time("until"))
        for each in Reader(USAGE, id, document).maps("leases")
    )
