"""What this computer says of itself when it registers: as its system says it, unread."""

import locale
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

PLATFORMS: Final[Mapping[str, str]] = {"win32": "windows", "darwin": "macos"}
LINUX: Final = "linux"
_ZONES: Final = "zoneinfo/"


def platform_of(system: str) -> str:
    """Return the platform's name in the API; any other Unix is taken for a Linux."""
    return PLATFORMS.get(system, LINUX)


def locale_of(environ: Mapping[str, str]) -> str:
    """Return the person's locale, or nothing."""
    named = (environ.get(it, "") for it in ("LC_ALL", "LC_MESSAGES", "LANG"))
    said = next(filter(None, named), "") or locale.getlocale()[0] or ""
    return "" if said.partition(".")[0] in {"C", "POSIX"} else said


def time_zone_of(environ: Mapping[str, str], root: Path) -> str:
    """Return the name of the time zone, or nothing where the system has none to say."""
    if zone := environ.get("TZ", "").removeprefix(":"):
        return zone
    try:
        target = (root / "etc" / "localtime").readlink().as_posix()
    except OSError:
        return ""
    return target.rpartition(_ZONES)[2] if _ZONES in target else ""


def app_version() -> str:
    """Return this program's version, or nothing where it runs without having been installed."""
    try:
        return version("fanfare")
    except PackageNotFoundError:
        return ""
