"""The rules for a request's link and image beyond being well-formed.

Stored content is not checked for it: what was saved under older rules stays readable. Functions
that only read content never load this module, nor the tables of international names it needs.
"""

from pydantic_core import PydanticCustomError

from shared.domain.links.carried import carried_addresses
from shared.domain.links.hosts import BadAddress, read_address, scheme_of
from shared.domain.links.schemes import is_forbidden


def check_link(url: str) -> None:
    """Refuse a host that no two readers take for the same, and a forbidden address carried."""
    try:
        read_address(url)
    except BadAddress as bad:
        raise PydanticCustomError(
            "not_a_url", "is not a well-formed address: {reason}", {"reason": str(bad)}
        ) from None
    for address in carried_addresses(url).addresses:
        if is_forbidden(scheme := scheme_of(address)):
            raise PydanticCustomError(
                "not_linkable",
                "must not carry an address that begins with {scheme}:",
                {"scheme": scheme},
            )
