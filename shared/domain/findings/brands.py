"""Names that are imitated often, where they really live, and hosts that hide where they lead.

Short on purpose: the provider's own verified domains are guarded the same way, and a threat list
knows the rest. Names that are also everyday words or too short are left out.
"""

from collections.abc import Mapping

BRANDS: Mapping[str, tuple[str, ...]] = {
    "adobe": ("adobe.com",),
    "aliexpress": ("aliexpress.com", "aliexpress.ru", "aliexpress.us"),
    "alibaba": ("alibaba.com",),
    "amazon": (
        *("amazon.com", "amazon.de", "amazon.co.uk", "amazon.fr", "amazon.it", "amazon.es"),
        *("amazon.in", "amazon.co.jp", "amazon.ca", "amazon.com.br", "amazon.pl", "amazon.nl"),
        *("amazon.com.tr", "amazon.ae", "amazon.sa", "amazon.com.au", "amazon.se", "amazon.dev"),
    ),
    "apple": ("apple.com", "apple.news"),
    "belarusbank": ("belarusbank.by",),
    "binance": ("binance.com", "binance.us"),
    "coinbase": ("coinbase.com",),
    "dropbox": ("dropbox.com",),
    "facebook": ("facebook.com", "facebook.net", "fb.com"),
    "flipkart": ("flipkart.com",),
    "github": ("github.com", "github.io", "githubusercontent.com"),
    "gmail": ("gmail.com",),
    "google": (
        *("google.com", "google.de", "google.co.uk", "google.ru", "google.by", "google.fr"),
        *("google.co.in", "google.co.jp", "google.com.ua", "google.pl", "google.es", "google.it"),
        *("google.dev", "goo.gle", "googleapis.com", "googleusercontent.com"),
    ),
    "gosuslugi": ("gosuslugi.ru",),
    "icloud": ("icloud.com",),
    "instagram": ("instagram.com", "cdninstagram.com"),
    "kaspersky": ("kaspersky.com", "kaspersky.ru"),
    "linkedin": ("linkedin.com",),
    "mastercard": ("mastercard.com",),
    "metamask": ("metamask.io",),
    "microsoft": ("microsoft.com", "microsoftonline.com"),
    "monobank": ("monobank.ua",),
    "netflix": ("netflix.com",),
    "outlook": ("outlook.com", "outlook.live.com"),
    "paypal": ("paypal.com", "paypal.me", "paypalobjects.com"),
    "privatbank": ("privatbank.ua",),
    "rakuten": ("rakuten.co.jp", "rakuten.com"),
    "revolut": ("revolut.com",),
    "roblox": ("roblox.com",),
    "samsung": ("samsung.com",),
    "sberbank": ("sberbank.ru", "sberbank.com"),
    "spotify": ("spotify.com", "spotifycdn.com"),
    "steamcommunity": ("steamcommunity.com",),
    "telegram": ("telegram.org", "telegram.me"),
    "tiktok": ("tiktok.com", "tiktokcdn.com"),
    "tinkoff": ("tinkoff.ru",),
    "twitter": ("twitter.com",),
    "wechat": ("wechat.com",),
    "whatsapp": ("whatsapp.com", "whatsapp.net"),
    "wikipedia": ("wikipedia.org",),
    "wildberries": ("wildberries.ru", "wildberries.by"),
    "yandex": (
        "yandex.ru",
        "yandex.com",
        "yandex.by",
        "yandex.kz",
        "yandex.net",
        "yandexcloud.net",
    ),
    "youtube": ("youtube.com",),
}

_WITHIN_OTHER_WORDS = {"amazon", "outlook", "twitter"}
DISTINCTIVE = tuple(b for b in BRANDS if len(b) >= 6 and b not in _WITHIN_OTHER_WORDS)
"""Brands that no other word contains: even grown together with other words they are meant."""

_SHORTENERS = (
    "bit.ly bitly.com bitly.ws t.co goo.gl tinyurl.com is.gd v.gd ow.ly buff.ly cutt.ly clck.ru "
    "vk.cc t.ly rb.gy shorturl.at rebrand.ly tiny.cc s.id bl.ink lnkd.in u.to goo.su short.io "
    "qps.ru amzn.to fb.me trib.al dlvr.it adf.ly soo.gd x.gd 2u.pw surl.li kutt.it han.gl me2.kr "
    "tr.im j.mp wa.link urlz.fr lihi.cc reurl.cc dwz.cn t.cn url.cn suo.im tny.im shorte.st "
    "linktr.ee gg.gg cli.co mcaf.ee po.st clk.sh ouo.io bc.vc a.co"
)
SHORTENERS = frozenset(_SHORTENERS.split())


def under(host: str, domain: str) -> bool:
    """Tell whether ``host`` is ``domain`` or below it, both in lower case, as machines write."""
    return host == domain or host.endswith("." + domain)


def owner(host: str) -> str:
    """Return the well-known name that owns this host; empty where none does."""
    return next((b for b, own in BRANDS.items() if any(under(host, d) for d in own)), "")
