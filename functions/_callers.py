"""Who is asking. Each function here lets one kind of caller through and refuses all others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Request

from functions._fields import hwid_in
from shared.domain.errors import Forbidden, Unauthenticated
from shared.domain.history import Actor, Role
from shared.flow.devices import check_identity, check_secret
from shared.flow.entitled import known_provider
from shared.flow.operate import KEY_PREFIX, digest_of
from shared.wiring import parts

MOST_TOKEN_CHARACTERS = 8192


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody we let in."""

    role: Role | None
    id: str = ""
    email: str = ""

    @property
    def actor(self) -> Actor:
        """As the history names them."""
        if self.role is None:
            raise Unauthenticated("this cannot be done by nobody")
        return Actor(self.role, self.id)


Path = Mapping[str, str]
Who = Callable[[Request, Path], Caller]


def anyone(request: Request, path: Path) -> Caller:
    """No credential is asked for."""
    del request, path
    return Caller(None)


def provider(request: Request, path: Path) -> Caller:
    """A provider's panel (ID token) or server (API key)."""
    token = bearer(request)
    if token.startswith(KEY_PREFIX):
        return _known(_key_owner(token))
    return provider_in_person(request, path)


def provider_in_person(request: Request, path: Path) -> Caller:
    """A provider's panel only: an API key must not be able to make more of itself."""
    del path
    token = bearer(request)
    if token.startswith(KEY_PREFIX) and _key_owner(token):
        raise Forbidden("sign in to do this; an API key cannot", code="idTokenRequired")
    return _known(parts().identities.verify_user(token).uid)


def moderator(request: Request, path: Path) -> Caller:
    """An account with the claim ``moderator``; from their removal on, also a token that has it
    still is refused.
    """
    del path
    caller = _claiming(request, Role.MODERATOR)
    if parts().moderators.was_removed(caller.id):
        raise Forbidden("you are no moderator any more", code="moderatorOnly")
    return caller


def operator(request: Request, path: Path) -> Caller:
    """An account with the claim ``operator``."""
    del path
    return _claiming(request, Role.OPERATOR)


def device(request: Request, path: Path) -> Caller:
    """The device in the path: by its secret, or by its ID token (only those have dots)."""
    token, hwid = bearer(request), hwid_in(path)
    if "." in token:
        check_identity(hwid, parts().identities.verify_user(token), devices=parts().devices)
    else:
        check_secret(hwid, token, devices=parts().devices)
    return Caller(Role.DEVICE, hwid)


def bearer(request: Request) -> str:
    """The token in the ``Authorization`` header; raises ``Unauthenticated`` without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("send your token in the header Authorization: Bearer …")
    if len(token) > MOST_TOKEN_CHARACTERS or not token.isascii() or not token.isprintable():
        raise Unauthenticated("the token is not valid")
    return token


def _key_owner(key: str) -> str:
    owner = parts().providers.key_owner(digest_of(key))
    if owner is None:
        raise Unauthenticated("this API key is unknown or was deleted")
    return owner


def _known(uid: str) -> Caller:
    return Caller(Role.PROVIDER, known_provider(uid, parts().providers).uid)


def _claiming(request: Request, role: Role) -> Caller:
    token = bearer(request)
    if token.startswith(KEY_PREFIX) and _key_owner(token):
        raise Forbidden(f"only a signed-in {role} may do this", code=f"{role}Only")
    identity = parts().identities.verify_user(token)
    if identity.claims.get(role.value) is not True:
        raise Forbidden(f"only a {role} may do this", code=f"{role}Only")
    return Caller(role, identity.uid, identity.email)
