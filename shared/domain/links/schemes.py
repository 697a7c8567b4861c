"""The effect of an address that opens an app, by its scheme. This table is the only place that
knows.

A scheme that is not in it belongs to an app we do not know: a provider's own, if one of its domains
declares it. Schemes of the table cannot be declared.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

WEB = ("http", "https")
SCHEME_SYNTAX = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
MOST_SCHEME_CHARACTERS = 64


class Use(StrEnum):
    """The judgement of addresses with one scheme."""

    FORBIDDEN = "forbidden"
    """Refused as a link, and red wherever one carries it."""
    DANGEROUS = "dangerous"
    SYSTEM = "system"
    """Opens a part of the system that can cost money or give something away: a warning."""
    CARRIER = "carrier"
    """Hands another address on, and is judged by that one."""
    FOREIGN = "foreign"
    """Opens a well-known app of others."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """A scheme's use, and what it does, as the end of a sentence."""

    use: Use
    why: str


class Group(NamedTuple):
    """Schemes that do the same, with spaces in between."""

    use: Use
    why: str
    names: str


GROUPS = (
    Group(Use.FORBIDDEN, "goes to the web without encryption", "http ws ftp"),
    Group(
        Use.FORBIDDEN, "runs code or shows what it brings along", "javascript vbscript data blob"
    ),
    Group(Use.FORBIDDEN, "reads what is on the device", "file about"),
    Group(
        Use.DANGEROUS,
        "installs programs or settings",
        "ms-appinstaller appinstaller itms-services itms-beta jnlp jnlps dfshim apt apturl zypper "
        "snap flatpak flatpak+http flatpak+https appstream brew magnet ed2k package lpa",
    ),
    Group(
        Use.DANGEROUS,
        "starts a program with what the address says",
        "ms-msdt ms-officecmd shell mk its ms-its hcp help mhtml res wscript vscode "
        "vscode-insiders vscodium cursor windsurf jetbrains idea pycharm toolbox xcode steam "
        "com.epicgames.launcher shortcuts workflow tasker applescript x-man-page x-github-client "
        "sourcetree docker docker-desktop git git+ssh svn svn+ssh gitkraken x-help-script "
        "x-help-action termux scriptable pythonista3 a-shell macrodroid",
    ),
    Group(Use.DANGEROUS, "searches where the address says", "search-ms search ms-search"),
    Group(
        Use.DANGEROUS,
        "opens a document in Office from where the address says",
        "ms-word ms-excel ms-powerpoint ms-access ms-visio ms-project ms-publisher ms-infopath "
        "ms-spd onenote",
    ),
    Group(
        Use.DANGEROUS,
        "opens a file share, and tells it who is signed in",
        "smb cifs nfs afp dav davs webdav webdavs sftp scp ftps tftp rsync ldap ldaps",
    ),
    Group(
        Use.DANGEROUS,
        "opens a session on another machine",
        "ssh telnet rlogin rsh mosh rdp ms-rd vnc tn3270 teamviewer8 teamviewer10 teamviewerapi "
        "tvcontrol1 tvjoinv8 anydesk rustdesk ultraviewer zoomrc putty vmrc vmware-view "
        "horizon-client gopher finger dict",
    ),
    Group(
        Use.DANGEROUS,
        "reads or changes the settings of the device or browser",
        "ms-settings ms-cxh ms-cxh-full prefs app-prefs app-settings x-apple.systempreferences "
        "chrome chrome-untrusted edge chrome-extension moz-extension safari-extension "
        "safari-web-extension devtools resource content filesystem wifi otpauth otpauth-migration "
        "windowsdefender",
    ),
    Group(
        Use.SYSTEM,
        "calls a number, which can cost money",
        "tel telprompt callto facetime facetime-audio facetime-prompt facetime-audio-prompt sip "
        "sips wtai voicemail",
    ),
    Group(Use.SYSTEM, "writes to a number, which can cost money", "sms smsto mms mmsto"),
    Group(Use.SYSTEM, "writes an e-mail in the reader's name", "mailto message"),
    Group(
        Use.SYSTEM,
        "pays, or asks for a payment",
        "bitcoin bitcoincash ethereum litecoin dogecoin monero solana lightning upi phonepe "
        "paytmmp gpay tez",
    ),
    Group(
        Use.SYSTEM,
        "opens a store of apps",
        "market itms itmss itms-apps itms-appss macappstore macappstores ms-windows-store "
        "appmarket hiapplink samsungapps mimarket vivomarket oppomarket amzn",
    ),
    Group(Use.SYSTEM, "searches the web", "x-web-search"),
    Group(Use.SYSTEM, "shows a place or an event", "geo maps bingmaps webcal webcals"),
    Group(
        Use.CARRIER,
        "hands an address on to a browser",
        "microsoft-edge microsoft-edge-beta microsoft-edge-dev microsoft-edge-canary "
        "microsoft-edge-holographic googlechrome googlechromes googlechrome-x-callback "
        "view-source firefox firefox-beta firefox-nightly firefox-focus firefox-klar brave opera "
        "opera-gx opera-touch ohttp ohttps vivaldi icabmobile icabmobiles alook maxthon qqbrowser "
        "mttbrowser ucweb baiduboxapp samsungbrowser samsunginternet ucbrowser yandexbrowser "
        "yandexbrowser-open-url duckduckgo ddgquicklink dolphin mibrowser huaweibrowser googleapp "
        "google com-apple-mobilesafari-tab",
    ),
    Group(
        Use.CARRIER,
        "hands an address on to a reader of feeds or archives",
        "feed feeds itpc pcast jar wyciwyg",
    ),
    Group(Use.CARRIER, "hands an address on to any app of Android", "intent android-app"),
    Group(
        Use.FOREIGN,
        "opens an app of others",
        "fb facebook fb-messenger whatsapp tg telegram viber instagram twitter x youtube vk ok "
        "snapchat tiktok snssdk1233 line wechat weixin skype zoommtg zoomus msteams slack discord "
        "spotify paypal alipay alipays",
    ),
)
"""All known schemes. ``docs/findings.md`` shows this table."""

SCHEMES: Mapping[str, Scheme] = {
    name: Scheme(group.use, group.why) for group in GROUPS for name in group.names.split()
}
_OF_WINDOWS = re.compile(r"ms-|microsoft\.|windows\.")
_WINDOWS = Scheme(Use.DANGEROUS, "starts a part of Windows")
_ENDS_AS_WEB = re.compile(r".*[-+.](https?)")
_BROWSER = Scheme(Use.CARRIER, "hands an address on to a browser")


def look_up(scheme: str) -> Scheme | None:
    """Look a scheme up; ``None`` for ``https`` and for apps that we do not know."""
    if scheme in SCHEMES:
        return SCHEMES[scheme]
    if web_within(scheme):
        return _BROWSER
    return _WINDOWS if _OF_WINDOWS.match(scheme) else None


def web_within(scheme: str) -> str:
    """Take the scheme of the web out of one that ends in it: ``https`` of ``opera-https``."""
    ends = _ENDS_AS_WEB.fullmatch(scheme)
    return ends[1] if ends else ""


def is_forbidden(scheme: str) -> bool:
    """Tell whether no link may begin with a scheme, or carry an address that does."""
    judged = SCHEMES.get(scheme)
    return judged is not None and judged.use is Use.FORBIDDEN


def why_undeclarable(scheme: str) -> str:
    """Say why a provider cannot declare a scheme for its own apps; empty when it can."""
    if not SCHEME_SYNTAX.fullmatch(scheme) or len(scheme) > MOST_SCHEME_CHARACTERS:
        return "is no scheme: letters, digits, +, - and . after a first letter, without the colon"
    if scheme in WEB:
        return "belongs to the web"
    judged = look_up(scheme)
    return f"cannot be an app's own: it {judged.why}" if judged else ""
