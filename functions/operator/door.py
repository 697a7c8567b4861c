"""The common part of ``operator-api``'s routes: the table, and the faults of a PUT."""

from typing import Annotated, Any

from pydantic import StringConstraints

from functions.http.api import Door
from functions.http.bodies import RequestModel

DOOR = Door("operator-api", browsers=False)

_SIDE = r"[^@\s\x00-\x1f\x7f]"
Email = Annotated[str, StringConstraints(pattern=f"^{_SIDE}{{1,64}}@{_SIDE}{{1,255}}$")]


def sent_fields(model: RequestModel) -> dict[str, Any]:
    """Return what was sent, and nothing else: a PUT leaves the rest as it is."""
    return {name: getattr(model, name) for name in model.model_fields_set}
