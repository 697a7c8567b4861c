"""For every finding there is, something that brings it about."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.adapters.memory.web import MemoryThreats, MemoryWeb
from shared.domain.content.content import Content
from shared.domain.findings.fetch_result import MOST_IMAGE_BYTES, FetchResult, WebFault
from shared.domain.findings.finding import Finding, visible_text
from shared.domain.findings.link_ends import LinkEnd, LookedAt
from shared.flow.findings.inspect import inspect

VERIFIED = ("news.aurora.example",)
LINK = "https://news.aurora.example/lights"
IMAGE = "https://news.aurora.example/lights.png"


@dataclass(frozen=True)
class Example:
    """A field's content, and what is seen or known at its address, now and ``before``; ``told`` is
    for people.
    """

    field: str
    content: str
    sentence: str = ""
    fetch_result: FetchResult | None = None
    threats: MemoryThreats | None = None
    before: LookedAt | None = None

    @property
    def text(self) -> str:
        """Text as documentation names it, with what cannot be seen made visible."""
        return self.sentence or visible_text(self.content)

    def findings(self) -> tuple[Finding, ...]:
        """Return the findings of a notification that is fine but for this."""
        parts: dict[str, Any] = {"title": "Lights", "body": "Tonight", "url": None, "image": None}
        parts[self.field] = self.content
        web = MemoryWeb({self.content: self.fetch_result} if self.fetch_result else {})
        content = Content.model_construct(**parts)
        there = inspect(
            content,
            VERIFIED,
            web=web,
            threats=self.threats or MemoryThreats(),
            own_schemes=("auroranews",),
        )
        return (*there.findings, *(self.before.moved(there.ends) if self.before else ()))

    def finding(self, code: str) -> Finding:
        """Return the finding of this code."""
        return next(f for f in self.findings() if f.code == code)


def text(content: str) -> Example:
    return Example("body", content)


def url(content: str, sentence: str = "") -> Example:
    return Example("url", content, sentence)


def fault(fault: WebFault, sentence: str, at: str = LINK) -> Example:
    return Example(
        "url", LINK, sentence, FetchResult(at, hops=() if at == LINK else (LINK,), fault=fault)
    )


def image(sentence: str, **fields: Any) -> Example:
    an_image = FetchResult(IMAGE, (), 200, "image/png", 2048, "png", 640, 360)
    return Example("image", IMAGE, sentence, replace(an_image, **fields))


EXAMPLES: Mapping[str, Example] = {
    "lookAlikeBrand": text("PayPa1 has limited your account"),
    "lookAlikeLetters": text("Win at our cаsino"),
    "styledLetters": text("𝓕𝓻𝓮𝓮 spins"),
    "hiddenMessage": text("Smile 😀\ufe01\ufe02\ufe03\ufe04"),
    "invisibleCharacters": text("ca\u200bsino"),
    "directionOverride": text("Invoice \u202egpj.exe"),
    "directionControls": text("Call \u2066+1 555 0100\u2069 now"),
    "controlCharacters": text("a\u0085b"),
    "unreadableCharacters": text("Pay with \uf8ff"),
    "stackedMarks": text("H\u0334\u0321\u0347 comes"),
    "shouting": text("BUY NOW! EVERYTHING MUST LEAVE"),
    "exclamationRun": text("You won!!!"),
    "manyEmoji": text("🎉" * 12),
    "addressInText": text("Claim it at win-big.xyz/now"),
    "malformedUrl": url("https://1.2.3.4.5/"),
    "notHttps": url("http://news.aurora.example/"),
    "deepLink": url("auroranews://article/17"),
    "undeclaredScheme": url("otherapp://open"),
    "systemScheme": url("tel:+375291234567"),
    "dangerousScheme": url("ms-appinstaller:?source=https://kino.by/a"),
    "carriedAddress": url("microsoft-edge:https://kino.by/"),
    "tooManyAddresses": url("microsoft-edge:" * 6, "an address in an address, six times"),
    "foreignHost": url("https://kino.by/film/17"),
    "foreignImageHost": Example("image", "https://images.example/17.png"),
    "lookAlikeHost": url("https://news.aur0ra.example/"),
    "brandInHost": url("https://paypal-secure.example/"),
    "mixedScriptHost": url("https://exаmple.org/"),
    "internationalHost": url("https://müller.de/"),
    "punycodeHost": url("https://xn--mller-kva.de/"),
    "ipHost": url("https://93.184.215.14/"),
    "disguisedIp": url("https://0x7f.1/"),
    "privateHost": url("https://router.local/"),
    "oddPort": url("https://kino.by:8443/"),
    "credentialsInUrl": url("https://news.aurora.example@kino.by/"),
    "shortener": url("https://bit.ly/3abc"),
    "trailingDot": url("https://kino.by./"),
    "backslash": url("https://kino.by\\@evil.test/"),
    "encodedHost": url("https://kin%6f.by/"),
    "hiddenInUrl": url("https://kino.by/a\u200bb"),
    "longUrl": url(f"https://news.aurora.example/?q={'a' * 1000}", "an address of 1,031 letters"),
    "download": url("https://kino.by/player.apk"),
    "couldNotBeChecked": fault(WebFault.TOO_SLOW, "a server that takes minutes"),
    "unreachable": fault(WebFault.UNKNOWN_HOST, "a host that no longer exists"),
    "badCertificate": fault(WebFault.BAD_CERTIFICATE, "a certificate that ran out"),
    "forbiddenAddress": fault(
        WebFault.FORBIDDEN_ADDRESS, "a name that resolves to 10.0.0.1", "https://evil.test/"
    ),
    "tooManyRedirects": fault(WebFault.TOO_MANY_REDIRECTS, "a circle of redirects"),
    "redirectToHttp": fault(
        WebFault.REDIRECT_TO_HTTP, "a redirect to http://kino.by/", "http://kino.by/"
    ),
    "redirectsAway": Example(
        "url", LINK, "a redirect to https://kino.by/", FetchResult("https://kino.by/", (LINK,), 200)
    ),
    "leadsElsewhere": Example(
        "url",
        LINK,
        "a redirect that was not there at approval",
        FetchResult("https://kino.by/", (LINK,), 200),
        before=LookedAt((LinkEnd("url", "news.aurora.example", "news.aurora.example"),)),
    ),
    "answersWithError": Example("url", LINK, "a page that is gone", FetchResult(LINK, status=404)),
    "imageMissing": image("a page in place of an image", content_type="text/html", kind=""),
    "imageTypeDisagrees": image("a PNG announced as a JPEG", content_type="image/jpeg"),
    "imageUnreadable": image("something else announced as an image", kind=""),
    "imageTooLarge": image("an image of 3 MiB", size=MOST_IMAGE_BYTES + 1),
    "imageBomb": image("a small file of a gigantic image", width=60_000, height=60_000),
    "imageTooSmall": image("a pixel that counts visitors", width=1, height=1),
    "listedThreat": Example(
        "url",
        "https://kino.by/",
        "an address on the threat list",
        threats=MemoryThreats({"kino.by": ("MALWARE",)}),
    ),
    "threatsNotChecked": Example(
        "url", LINK, "a threat list that does not answer", threats=MemoryThreats(away=True)
    ),
}
