"""The network addresses that are public, and those that are never connected to.

Python's own ``is_global`` has changed its mind between releases, and says yes to addresses that
carry another one inside. So this is a list of what may be: IPv4 but for the registered special
blocks, and IPv6 from the one block that is given out, but for what is special in it. Addresses that
embed an IPv4 one (mapped, 6to4, Teredo, NAT64) are refused whatever they embed.
"""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Ip = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NOT_PUBLIC = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by carriers",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "protocol assignments",
    "192.0.2.0/24": "documentation",
    "192.31.196.0/24": "AS112",
    "192.52.193.0/24": "AMT",
    "192.88.99.0/24": "6to4 relay",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "AS112",
    "198.18.0.0/15": "benchmarks",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "168.63.129.16/32": "a cloud's metadata",
    "100.100.100.200/32": "a cloud's metadata",
    "2001::/23": "protocol assignments and Teredo",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "AS112",
    "3fff::/20": "documentation",
}
_BLOCKS: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(block), why) for block, why in _NOT_PUBLIC.items()
)
_GIVEN_OUT = IPv6Network("2000::/3")


def why_forbidden(address: Ip | str) -> str:
    """Tell why nobody should connect there on a stranger's word; empty for a public address."""
    try:
        ip = ip_address(address) if isinstance(address, str) else address
    except ValueError:
        return "not an address"
    if isinstance(ip, IPv6Address):
        if ip.scope_id:
            return "scoped to one link"
        if ip not in _GIVEN_OUT:
            return "not a public IPv6 address"
    return next((why for block, why in _BLOCKS if ip in block), "")
