"""The interfaces that verbs need, in this project's terms. Adapters fit by shape, not by
inheritance.

Two rules hold for every store behind these ports. State changes only through a write that is
conditional on what was read (a *version*), so that of two racing writers exactly one wins. And
whatever is written twice with the same key is written once.

A port describes, and runs nothing: the rules it speaks of are imported for type checkers only, so
that a function does not load what belongs to ports it never uses.
"""

from shared.ports.accounts import Accounts, Invitations, Standings
from shared.ports.archive import Archive, ArchiveFault, Put
from shared.ports.chat import Chat, ChatClosed, ChatMoved, ChatRefused, MessageGone, Throttled
from shared.ports.clock import Clock
from shared.ports.database import AlreadyThere
from shared.ports.identities import AppCheck, Identities, Identity
from shared.ports.limits import Rates
from shared.ports.sender import Attempts, Retries, RunMemory, Sender, Senders
from shared.ports.signer import Signer
from shared.ports.tasks import Task, Tasks
from shared.ports.threats import Threats
from shared.ports.web import Inspect, Web

__all__ = [
    "Accounts",
    "AlreadyThere",
    "AppCheck",
    "Archive",
    "ArchiveFault",
    "Attempts",
    "Chat",
    "ChatClosed",
    "ChatMoved",
    "ChatRefused",
    "Clock",
    "Identities",
    "Identity",
    "Inspect",
    "Invitations",
    "MessageGone",
    "Put",
    "Rates",
    "Retries",
    "RunMemory",
    "Sender",
    "Senders",
    "Signer",
    "Standings",
    "Task",
    "Tasks",
    "Threats",
    "Throttled",
    "Web",
]
