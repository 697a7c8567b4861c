"""The texts that can name a Firestore document. Any others name nothing, wherever they come from.

Asked for such a name Firestore answers ``INVALID_ARGUMENT``, which it also does when our code is
wrong; and a name with a slash leads to another document.
"""

import re

from shared.domain.errors import NotFound

MOST_BYTES = 1500
_NAME = re.compile(r"(?!\.{1,2}\Z)(?!__.*__\Z)[^/\x00]+", re.DOTALL)


def can_name(text: str) -> bool:
    """Tell whether a document can have this name (Firestore's constraints on document ids)."""
    return _NAME.fullmatch(text) is not None and len(text.encode(errors="replace")) <= MOST_BYTES


def document_name(*path: str) -> str:
    """Form the name of a document, of collections and ids in turn.

    An id from outside must not lead anywhere else: raises ``NotFound``.
    """
    if not all(map(can_name, path)):
        raise NotFound("there is nothing of that name")
    return "/".join(path)
