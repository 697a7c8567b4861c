"""Access to this machine's own addresses, past any proxy that the environment names.

A proxy cannot reach them. Clients differ in which variable they read and in which case, and gRPC
has a variable of its own, so that all of them are set.
"""

from collections.abc import Mapping

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERYTHING = "*"


def past_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that keep clients from asking a proxy for loopback addresses.

    Whatever else is to be reached without a proxy stays so.
    """
    spared = _hosts(environ.get("no_proxy", ""), environ.get("NO_PROXY", ""))
    of_grpc = _hosts(environ.get("no_grpc_proxy", "")) or spared
    # Most know the asterisk only where it stands alone, and gRPC only knows names.
    exempt = _EVERYTHING if _EVERYTHING in spared else ",".join(_hosts(*spared, *LOOPBACK))
    return {
        "no_proxy": exempt,
        "NO_PROXY": exempt,
        "no_grpc_proxy": ",".join(_hosts(*of_grpc, *LOOPBACK)),
    }


def _hosts(*lists: str) -> list[str]:
    hosts = (host.strip() for each in lists for host in each.split(","))
    return list(dict.fromkeys(filter(None, hosts)))
