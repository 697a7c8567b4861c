"""Firebase accounts, by the admin SDK: of the functions' adapters the one that needs it."""

from collections.abc import Mapping

import firebase_admin
from firebase_admin import auth, exceptions

from shared.domain.errors import NotFound, TryAgain
from shared.settings import Settings


class FirebaseAccounts:
    """Custom tokens for devices and the moderator claim for people."""

    def __init__(self, settings: Settings) -> None:
        self._app = admin_app(settings.project)

    def custom_token(self, uid: str, claims: Mapping[str, object]) -> str:
        try:
            token = auth.create_custom_token(uid, dict(claims), app=self._app)
        except exceptions.FirebaseError as fault:
            raise TryAgain("custom tokens cannot be signed right now") from fault
        return token.decode() if isinstance(token, bytes) else str(token)

    def set_moderator(self, uid: str, moderator: bool) -> None:
        try:
            user = auth.get_user(uid, app=self._app)
            claims = {**(user.custom_claims or {})}
            claims.pop("moderator", None)
            if moderator:
                claims["moderator"] = True
            auth.set_custom_user_claims(uid, claims, app=self._app)
            if not moderator:
                auth.revoke_refresh_tokens(uid, app=self._app)
        except auth.UserNotFoundError:
            raise NotFound(f"there is no account {uid}") from None
        except exceptions.FirebaseError as fault:
            raise TryAgain("the account cannot be changed right now") from fault


def admin_app(project: str) -> firebase_admin.App:
    """Return the admin SDK's app for a project, the same one each time."""
    name = f"fanfare-{project}"
    try:
        return firebase_admin.get_app(name)
    except ValueError:
        return firebase_admin.initialize_app(options={"projectId": project}, name=name)
