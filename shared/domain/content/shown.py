"""The content that one device shows.

Renderers take this and never the content, so that what differs between devices is decided once,
where ``Shown`` is made, and not in every push service's language.
"""

from dataclasses import dataclass

from shared.domain.content.content import Content


@dataclass(frozen=True, slots=True)
class Shown:
    """Texts, picture and link on one screen. There is a ``button`` only with a link."""

    title: str | None = None
    body: str | None = None
    image: str | None = None
    url: str | None = None
    button: str | None = None
    force_timer: int | None = None


def shown(content: Content) -> Shown:
    """Take from the content what a device shows: the same on every one."""
    return Shown(
        title=content.title,
        body=content.body,
        image=content.image,
        url=content.url,
        button=content.button if content.url else None,
        force_timer=content.force_timer,
    )
