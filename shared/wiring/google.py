"""All parts as they are deployed."""

from shared.wiring.archive import ArchiveParts
from shared.wiring.callers import CallerParts
from shared.wiring.chat import ChatParts
from shared.wiring.fanout import FanOutParts
from shared.wiring.moderation import ModerationParts
from shared.wiring.records import RecordParts


class GoogleParts(RecordParts, CallerParts, FanOutParts, ModerationParts, ChatParts, ArchiveParts):
    """Firestore, Cloud Tasks, FCM and Firebase accounts."""
