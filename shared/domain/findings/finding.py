"""A finding about content, and the one table of all kinds of findings.

A finding never decides anything by itself: it tells a moderator where to look. Red ones keep a
notification from being sent by one person's word; what could not be checked is a finding too.
"""

import dataclasses
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

MOST_SHOWN_CHARACTERS = 80


class Severity(StrEnum):
    """How much a finding weighs."""

    INFO = "info"
    WARNING = "warning"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Finding:
    """A fact to know about one field. ``code`` is stable, ``sentence`` is for people.

    ``host`` is the one it is about, where it is about one: the same code about another host is
    another finding. Records of older versions do not have it.
    """

    code: str
    severity: Severity
    field: str
    sentence: str
    host: str = dataclasses.field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Kind:
    """The common part of all findings with one code; ``sentence`` has places to fill."""

    severity: Severity
    sentence: str


def _info(sentence: str) -> Kind:
    return Kind(Severity.INFO, sentence)


def _warning(sentence: str) -> Kind:
    return Kind(Severity.WARNING, sentence)


def _red(sentence: str) -> Kind:
    return Kind(Severity.RED, sentence)


IN_TEXTS: Mapping[str, Kind] = {
    # What the characters of a text are.
    "lookAlikeBrand": _red("“{word}” imitates the name {like} with characters that look alike."),
    "lookAlikeLetters": _warning("“{word}” mixes letters of {scripts} that look alike."),
    "styledLetters": _warning("“{word}” is written in symbols that only look like letters."),
    "hiddenMessage": _red("The text carries {count} characters that are never shown ({which})."),
    "invisibleCharacters": _warning("The text holds invisible characters: {which}."),
    "directionOverride": _red("The text is made to read in another order than it is written."),
    "directionControls": _warning("The text steers its reading direction without need: {which}."),
    "controlCharacters": _warning("The text holds control characters: {which}."),
    "unreadableCharacters": _warning("The text holds characters nobody can read: {which}."),
    "stackedMarks": _warning("“{word}” carries more marks than any language puts on a letter."),
    # How a text speaks.
    "shouting": _info("{percent} % of the letters are capitals."),
    "exclamationRun": _info("“{run}”: one mark would do."),
    "manyEmoji": _info("The text holds {count} emoji."),
    "addressInText": _warning("The text names {host}, a place that nobody looked at."),
}
IN_ADDRESSES: Mapping[str, Kind] = {
    "malformedUrl": _red("The address cannot be read the same way by everybody: {reason}."),
    "notHttps": _red("The address does not begin with https://."),
    "deepLink": _info("The address opens the provider's own app ({scheme}:)."),
    "undeclaredScheme": _warning(
        "The address opens an app ({scheme}:) that the provider has not declared as its own."
    ),
    "systemScheme": _warning("An address that begins with {scheme}: {why}."),
    "dangerousScheme": _red("An address that begins with {scheme}: {why}."),
    "carriedAddress": _info("The address hands another one on, to {host} ({scheme}:)."),
    "tooManyAddresses": _red("The address carries more addresses than can be judged."),
    "foreignHost": _warning("{host} is under none of the provider's verified domains."),
    "foreignImageHost": _info("The image comes from {host}, not from a verified domain."),
    "lookAlikeHost": _red("{host} looks like {like} and is not."),
    "brandInHost": _warning("{host} uses the name {like} and is not known to be theirs."),
    "mixedScriptHost": _red("{host} mixes letters of {scripts} in one name."),
    "internationalHost": _info("{host} is {ascii} to machines."),
    "punycodeHost": _warning("{ascii} is shown to people as {host}."),
    "ipHost": _red("The address names a machine by number ({host}), not by name."),
    "disguisedIp": _red("{host} is the number {ip} in disguise."),
    "privateHost": _red("{host} is a place inside a private network."),
    "oddPort": _warning("The address uses port {port} instead of 443."),
    "credentialsInUrl": _red("What stands before @ is not the host: that is {host}."),
    "shortener": _warning("{host} shortens addresses: where it leads can change at any time."),
    "trailingDot": _warning("The host ends with a dot, as no ordinary address does."),
    "backslash": _red("The address holds a backslash, which browsers read in their own ways."),
    "encodedHost": _red("The host is hidden behind percent-encoding; it is {host}."),
    "hiddenInUrl": _red("The address holds characters that are not shown: {which}."),
    "longUrl": _info("The address has {count} characters."),
    "download": _warning("The address leads to a file to download ({name})."),
}
AT_ADDRESSES: Mapping[str, Kind] = {
    "couldNotBeChecked": _warning("Nobody could look at {host}: {reason}."),
    "unreachable": _warning("{host} does not answer: {reason}."),
    "badCertificate": _warning("{host} has no certificate that proves who it is."),
    "forbiddenAddress": _red("{host} leads into a private or reserved network."),
    "tooManyRedirects": _red("The address was still redirecting after {count} hops."),
    "redirectToHttp": _red("{host} redirects to an address without https."),
    "redirectsAway": _warning("{host} redirects to {final}."),
    "leadsElsewhere": _red("{host} leads to {final}, and did not when it was approved."),
    "answersWithError": _warning("{host} answers with status {status}."),
    "imageMissing": _warning("There is no image at the address: it answers {type}."),
    "imageTypeDisagrees": _warning("The image is announced as {type} and is {kind}."),
    "imageUnreadable": _warning("The size of the image cannot be read from its first bytes."),
    "imageTooLarge": _warning("The image has more than 1 MiB and will not be shown everywhere."),
    "imageBomb": _red("The image claims {width} × {height} pixels: opening it can stop a phone."),
    "imageTooSmall": _warning("The image has {width} × {height} pixels: nobody would see it."),
}
ON_THREAT_LISTS: Mapping[str, Kind] = {
    "listedThreat": _red("{host} is on a threat list: {threats}."),
    "threatsNotChecked": _warning("{host} could not be looked up on the threat list."),
}
KINDS: Mapping[str, Kind] = {**IN_TEXTS, **IN_ADDRESSES, **AT_ADDRESSES, **ON_THREAT_LISTS}
"""All codes: those of texts, of an address as it is written, of what is fetched there, and of what
others know of it. ``docs/findings.md`` has an example of each.
"""


def finding_of(code: str, field: str, **values: object) -> Finding:
    """Fill in a finding's sentence; what is quoted is made safe to show. ``host`` is kept besides,
    whether or not the sentence names it.
    """
    kind = KINDS[code]
    sentence = kind.sentence.format_map(
        {name: visible_text(value) for name, value in values.items()}
    )
    return Finding(code, kind.severity, field, sentence, host=str(values.get("host", "")))


def visible_text(value: object) -> str:
    """Put ``value`` on one line, shortened, and name every character that is not visible."""
    text = str(value)
    if len(text) > MOST_SHOWN_CHARACTERS:
        text = text[: MOST_SHOWN_CHARACTERS - 1] + "…"
    return "".join(c if _is_plain(c) else f"[U+{ord(c):04X}]" for c in text)


def _is_plain(character: str) -> bool:
    kind = unicodedata.category(character)[0]
    if kind == "M":  # a vowel sign belongs to its script; a loose accent or a selector does not
        return not unicodedata.name(character, "VARIATION").startswith(("COMBINING", "VARIATION"))
    return kind in "LNPS" or character == " "


def has_red(findings: Iterable[Finding]) -> bool:
    """Tell whether one of the findings is red."""
    return any(finding.severity is Severity.RED for finding in findings)


def new_reds(now: Iterable[Finding], earlier: Iterable[Finding]) -> tuple[Finding, ...]:
    """List the red ones that nobody has seen before: of that code, in that field, about that host.

    One of an older record that does not say about which host counts for any.
    """
    earlier_keys = {(finding.code, finding.field, finding.host) for finding in earlier}
    return tuple(
        finding
        for finding in now
        if finding.severity is Severity.RED
        and not {(finding.code, finding.field, host) for host in ("", finding.host)} & earlier_keys
    )
