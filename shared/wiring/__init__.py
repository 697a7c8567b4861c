"""Who plays which part. The only package that picks adapters.

``cast`` lists the parts that verbs need; ``google`` fills them, with a module for each of
``shared/ports``: what ``ports/records`` describes is built in ``wiring/records``. Each part is
built when it is first asked for, and its adapter imported only then: a function loads what it uses
and nothing else. Doors ask for ``parts()``; tests put other parts in with ``replaced``.
"""

from shared.wiring.cast import Parts
from shared.wiring.chat import desk
from shared.wiring.fanout import retry_policy
from shared.wiring.google import GoogleParts
from shared.wiring.moderation import checks, counting, inspecting, reviewers
from shared.wiring.process import parts, replaced

__all__ = [
    "GoogleParts",
    "Parts",
    "checks",
    "counting",
    "desk",
    "inspecting",
    "parts",
    "replaced",
    "retry_policy",
    "reviewers",
]
