"""``platform/moderation``: what operators decided about moderation, and the last reminder."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from shared.domain.notifications.review import ReviewPolicy, Template
from shared.ports.database import Database, Document, Put
from shared.stores.change import Step, change, write
from shared.stores.codec import Fields, Reader
from shared.stores.names import document_name
from shared.stores.platform import PLATFORM

MODERATION = "moderation"
REMINDER = "moderationReminder"


class ReviewPolicies:
    """The policy, and when moderators were last reminded."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self) -> ReviewPolicy:
        """Return the policy, as delivered until an operator decides otherwise."""
        document = self._database.get(document_name(PLATFORM, MODERATION))
        return policy_from(document.fields if document else {})

    def put(self, policy: ReviewPolicy) -> None:
        """Replace the policy."""
        put = Put(document_name(PLATFORM, MODERATION), policy_fields(policy))
        write(self._database, [put], "the policy")

    def take_reminder(self, now: datetime, not_since: datetime) -> bool:
        """Tell whether moderators were not reminded since then; if so they count as reminded now.

        Of several callers at once, one is told yes.
        """
        mine = {"at": now, "by": uuid4().hex}

        def decide(document: Document | None) -> Step[bool]:
            stored = document.fields if document else {}
            last, is_mine = reminder_from(stored), stored.get("by") == mine["by"]
            taken = is_mine or last is None or last <= not_since
            return Step(taken, mine if taken and not is_mine else {})

        return change(self._database, document_name(PLATFORM, REMINDER), decide, "the reminder")


def policy_fields(policy: ReviewPolicy) -> Fields:
    """Build the document of the review policy."""
    return {
        "secondApprovalAbove": policy.second_approval_above,
        "slaSeconds": int(policy.sla.total_seconds()),
        "templates": [
            {"id": each.id, "title": each.title, "comment": each.comment}
            for each in policy.templates
        ],
    }


def policy_from(document: Mapping[str, Any]) -> ReviewPolicy:
    """Read the review policy; what the document does not say is as it was delivered."""
    reader, usual = Reader(PLATFORM, MODERATION, document), ReviewPolicy()
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
    """Read when moderators were last reminded."""
    return Reader(PLATFORM, REMINDER, document).time("at")
