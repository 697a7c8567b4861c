"""The caller of a request. Each function here accepts one kind of caller and refuses all others.

An ID token says who; what that account may do is looked up where it outlives the token (keys) or
reaches others (moderators, operators). A provider's other calls end with its token, in an hour.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Request

from functions.http.bearer import bearer
from shared.domain.actors import Actor, Role
from shared.domain.errors import Forbidden, Unauthenticated
from shared.domain.providers.standing import (
    Standing,
    check_recent_sign_in,
    check_second_factor,
    open_account,
)
from shared.flow.providers.entitled import known_provider
from shared.flow.providers.keys import KEY_PREFIX, provider_of_key
from shared.ports import Identity
from shared.wiring import parts


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller who was let in: a role, and who has it."""

    role: Role | None
    id: str = ""
    email: str = ""

    @property
    def actor(self) -> Actor:
        """The caller as the history names them."""
        if self.role is None:
            raise Unauthenticated("this cannot be done by nobody")
        return Actor(self.role, self.id)


Path = Mapping[str, str]
Who = Callable[[Request, Path], Caller]


def anyone(request: Request, path: Path) -> Caller:
    """Let everybody call, without a credential."""
    del request, path
    return Caller(None)


def provider(request: Request, path: Path) -> Caller:
    """Let a provider's panel (ID token) or server (API key) call."""
    token = bearer(request)
    if token.startswith(KEY_PREFIX):
        return Caller(Role.PROVIDER, _of_key(token))
    return provider_in_person(request, path)


def provider_in_person(request: Request, path: Path) -> Caller:
    """Let a provider's panel only call: an API key must not be able to make more of itself."""
    del path
    return _known_caller(_person(request).uid)


def provider_just_signed_in(request: Request, path: Path) -> Caller:
    """Let a provider's panel call minutes after the sign-in to an account that is open now."""
    del path
    identity = _person(request)
    caller = _known_caller(identity.uid)
    _account(identity)
    check_recent_sign_in(identity.signed_in_at, time.time())
    return caller


def moderator(request: Request, path: Path) -> Caller:
    """Let an account call that holds the claim ``moderator`` and that no operator has removed."""
    del path
    caller = _claiming(request, Role.MODERATOR)
    if parts().moderators.was_removed(caller.id):
        raise Forbidden("you are no moderator any more", code="moderatorOnly")
    return caller


def operator(request: Request, path: Path) -> Caller:
    """Let an account call that holds the claim ``operator``."""
    del path
    return _claiming(request, Role.OPERATOR)


def _of_key(key: str) -> str:
    p = parts()
    return provider_of_key(key, needs=p).uid


def _person(request: Request) -> Identity:
    token = bearer(request)
    if token.startswith(KEY_PREFIX) and _of_key(token):
        raise Forbidden("sign in to do this; an API key cannot", code="idTokenRequired")
    return parts().identities.verify_user(token)


def _account(identity: Identity) -> Standing:
    return open_account(parts().standings.look_up(identity.uid), identity.signed_in_at)


def _known_caller(uid: str) -> Caller:
    return Caller(Role.PROVIDER, known_provider(uid, parts().providers).uid)


def _claiming(request: Request, role: Role) -> Caller:
    """Check the account's own claim: those in its token are an hour old, or a custom token's."""
    token = bearer(request)
    if token.startswith(KEY_PREFIX) and _of_key(token):
        raise Forbidden(f"only a signed-in {role} may do this", code=f"{role}Only")
    identity = parts().identities.verify_user(token)
    if identity.claims.get(role.value) is not True or not _account(identity).holds(role):
        raise Forbidden(f"only a {role} may do this", code=f"{role}Only")
    if parts().settings.mfa == "required":
        check_second_factor(identity.second_factor, role)
    return Caller(role, identity.uid, identity.email)
