"""How many devices a segment would target, before anything is sent.

The same that planning targets: those without an address or consent are among them, and are skipped
when their turn comes. No index knows who can be reached, and a count must not read them all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.content import Content
from shared.domain.device import Platform
from shared.domain.provider import verified
from shared.domain.targeting import Segment, TargetPlatform, audience_queries
from shared.flow.entitled import check_fields, entitled
from shared.ports import Audience, Clock, Providers


@dataclass(frozen=True, slots=True)
class Estimate:
    """Devices in all and by platform.

    ``exact`` is false when so many domains and regions are combined that several queries are
    needed: a device that several of them select is then counted by each.
    """

    devices: int
    by_platform: Mapping[str, int]
    exact: bool


def estimate(
    segment: Segment, *, provider_id: str, providers: Providers, audience: Audience, clock: Clock
) -> Estimate:
    """Counted by aggregation, so its cost does not grow with the audience."""
    provider, domains = entitled(provider_id, providers)
    check_fields(Content(), segment, provider, domains)
    names, now = verified(domains), clock.now()

    def count(narrowed: Segment) -> int:
        return sum(
            audience.count(query).devices for query in audience_queries(narrowed, names, now)
        )

    wanted = [p for p in Platform if segment.platform in {TargetPlatform.ALL, p.value}]
    by_platform = {
        platform.value: count(
            segment.model_copy(update={"platform": TargetPlatform(platform.value)})
        )
        for platform in wanted
    }
    exact = len(audience_queries(segment, names, now)) <= 1
    return Estimate(count(segment), by_platform, exact)
