"""What stands on a notification about its review, as documents."""

from shared.domain.findings.finding import Finding, Severity
from shared.domain.findings.link_ends import LinkEnd, LookedAt
from shared.domain.notifications.review import Cancellation, Claim, Endorsement
from shared.stores.codec import Fields, Reader


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
    """Read a finding."""
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
    """Write a claim inside a notification."""
    return {"moderatorId": claim.moderator_id, "until": claim.until}


def claim_from(reader: Reader | None) -> Claim | None:
    """Read a claim, if there is one."""
    if reader is None:
        return None
    return Claim(reader.text("moderatorId"), reader.required_time("until"))


def cancellation_from(reader: Reader) -> Cancellation | None:
    """Read the cancellation of a notification, whose document it is part of."""
    at, by = reader.time("cancelledAt"), reader.text_or_none("cancelledBy")
    return None if at is None and by is None else Cancellation(at, by)


def endorsement_fields(endorsement: Endorsement) -> Fields:
    """Write a first approval inside a notification."""
    return {
        "moderatorId": endorsement.moderator_id,
        "at": endorsement.at,
        "revision": endorsement.revision,
    }


def endorsement_from(reader: Reader) -> Endorsement:
    """Read a first approval."""
    return Endorsement(
        reader.text("moderatorId"), reader.required_time("at"), reader.number("revision", 1)
    )
