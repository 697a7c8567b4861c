"""Defects of our own senders, for the log, without words that may hold an address."""

import logging
import traceback

_log = logging.getLogger(__name__)


def log_defect(what: str, broken: Exception) -> None:
    """Log that it broke; whatever was to be sent is tried again."""
    where = "".join(traceback.format_tb(broken.__traceback__))
    _log.error("%s broke: %s\n%s", what, type(broken).__name__, where)
