"""The ``aps`` dictionary as Apple documents it, and no other key.

Apple itself takes a payload with a misspelt key or a value of the wrong kind, and the device shows
less than was meant, or nothing. Here such a payload is refused, in a word that is not Apple's.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

NOT_SHOWN = "NotShown"

Flag = Literal[0, 1]
Texts = list[StrictStr]


def _hyphens(name: str) -> str:
    return name.replace("_", "-")


class _DocumentedModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=_hyphens)


class Alert(_DocumentedModel):
    """Text that is shown."""

    title: StrictStr | None = None
    subtitle: StrictStr | None = None
    body: StrictStr | None = None
    launch_image: StrictStr | None = None
    title_loc_key: StrictStr | None = None
    title_loc_args: Texts | None = None
    subtitle_loc_key: StrictStr | None = None
    subtitle_loc_args: Texts | None = None
    loc_key: StrictStr | None = None
    loc_args: Texts | None = None


class Sound(_DocumentedModel):
    """Critical sound."""

    critical: Flag = 0
    name: StrictStr = "default"
    volume: Annotated[float, Field(ge=0, le=1)] = 1.0


class Aps(_DocumentedModel):
    """Dictionary for notifications and live activities."""

    alert: StrictStr | Alert | None = None
    badge: Annotated[StrictInt, Field(ge=0)] | None = None
    sound: StrictStr | Sound | None = None
    thread_id: StrictStr | None = None
    category: StrictStr | None = None
    content_available: Flag | None = None
    mutable_content: Flag | None = None
    target_content_id: StrictStr | None = None
    interruption_level: Literal["passive", "active", "time-sensitive", "critical"] | None = None
    relevance_score: float | None = None
    filter_criteria: StrictStr | None = None
    url_args: Texts | None = None
    timestamp: StrictInt | None = None
    event: Literal["start", "update", "end"] | None = None
    stale_date: StrictInt | None = None
    dismissal_date: StrictInt | None = None
    content_state: dict[str, Any] | None = None
    attributes_type: StrictStr | None = None
    attributes: dict[str, Any] | None = None


def would_show(push_type: str, payload: dict[str, object]) -> bool:
    """Tell whether a device would do with the payload what its push type is for."""
    try:
        aps = Aps.model_validate(payload.get("aps", {}))
    except ValidationError:
        return False
    if push_type == "alert":
        return aps.alert is not None or aps.badge is not None or aps.sound is not None
    if push_type == "background":
        quiet = aps.alert is None and aps.badge is None and aps.sound is None
        return aps.content_available == 1 and quiet
    return True
