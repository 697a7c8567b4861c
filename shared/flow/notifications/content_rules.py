"""The rules of a notification beyond its single fields.

Apart from the rules of who may send: only the provider's door needs these, and sizes are computed
by the renderers of all push services.
"""

from collections.abc import Sequence

from shared.domain.audience.filters import Segment
from shared.domain.content.content import Content
from shared.domain.errors import FieldError, Forbidden, InvalidInput
from shared.domain.providers.provider import Domain, Provider, may_force_timer, verified


def check_fields(
    content: Content, segment: Segment | None, provider: Provider, domains: Sequence[Domain]
) -> None:
    """Raise ``InvalidInput`` for foreign domains and too much content, ``Forbidden`` by plan."""
    from shared.domain.push.sizes import oversize  # most requests write no content

    faults = oversize(content)
    if segment and segment.domain and segment.domain not in verified(domains):
        sentence = f"{segment.domain} is not one of your verified domains"
        faults.append(FieldError("targetSegment.domain", "foreignDomain", sentence))
    if faults:
        raise InvalidInput(faults)
    if content.force_timer is not None and not may_force_timer(provider):
        raise Forbidden("forceTimer needs the Enterprise plan.", code="enterpriseRequired")
