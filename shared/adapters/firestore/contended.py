"""Documents that all instances change together: whoever comes second reads again."""

from collections.abc import Mapping
from typing import Any

from shared.adapters.firestore.rest import Exists, FirestoreRest, Missing, PreconditionFailed
from shared.adapters.firestore.rest_values import Raw, write
from shared.ports.database import Lost


def put_if_still(
    rest: FirestoreRest, name: str, before: Raw | None, fields: Mapping[str, Any]
) -> bool:
    """Write the document on the condition that it still is what was read: ``before``, or not there.

    ``False`` asks to read again: another's write is there or, when the answer was lost, perhaps
    ours after all.
    """
    wanted = (
        write(name, fields, exists=False)
        if before is None
        else write(name, fields, version=before["updateTime"])
    )
    try:
        rest.commit([wanted])
    except (Exists, Missing, PreconditionFailed, Lost):
        return False
    return True
