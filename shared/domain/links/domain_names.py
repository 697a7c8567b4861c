"""The one form in which domain names are compared, looked up, derived and shown.

People and back ends write ``Shop.Example``, ``shop.example.``, ``новости.рф`` and
``shop。example``; machines mean ``shop.example`` and ``xn--b1amarcd.xn--p1ai``: lower case,
international letters as IDNA says (UTS 46, without its transitional mappings), no dot at the end.
"""

import re

_CANONICAL = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")


def domain_name(text: str) -> str:
    """Return the canonical form; a text that is no host name stays as it is."""
    if _CANONICAL.fullmatch(text) and "xn--" not in text:
        return text  # nearly always; the tables of international letters are not loaded for it
    from shared.domain.links.hosts import BadAddress, host_name

    try:
        return host_name(text.strip())[1]
    except BadAddress:
        return text


def domain_forms(name: str) -> tuple[str, ...]:
    """List the forms that others most often store a canonical name under, itself first."""
    from shared.domain.links.hosts import BadAddress, host_name

    try:
        shown, _ = host_name(name)
    except BadAddress:
        shown = name
    return tuple(dict.fromkeys(form + dot for dot in ("", ".") for form in (name, shown)))
