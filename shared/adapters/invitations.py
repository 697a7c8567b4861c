"""Accounts that are made for people, and the links by which their owners set a password.

For the operator's command only, so it is not deployed. The admin SDK has no call that has Google
send the mail, and none that takes a second factor away: these two go to the Identity Toolkit
itself, with the same credentials.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import requests
from firebase_admin import auth, exceptions
from google.auth.transport.requests import AuthorizedSession

from shared.adapters.accounts import admin_app
from shared.domain.errors import Forbidden, Malformed, NotFound, TryAgain
from shared.settings import Settings

GOOGLE: Final = "https://identitytoolkit.googleapis.com"
ANSWER_SECONDS: Final = 30.0


class FirebaseInvitations:
    """Accounts by their e-mail address, changed with the operator's own credentials."""

    def __init__(self, settings: Settings) -> None:
        self._app = admin_app(settings.project)
        self._emulator = settings.auth_emulator if settings.local else None
        base = (
            f"http://{self._emulator}/identitytoolkit.googleapis.com" if self._emulator else GOOGLE
        )
        self._url = f"{base}/v1/projects/{settings.project}/accounts"

    def uid(self, email: str) -> str:
        with _in_our_words(email):
            return str(auth.get_user_by_email(email, app=self._app).uid)

    def create(self, email: str) -> str:
        with _in_our_words(email):
            return str(auth.create_user(email=email, app=self._app).uid)

    def set_operator(self, email: str, operator: bool) -> None:
        with _in_our_words(email):
            user = auth.get_user_by_email(email, app=self._app)
            claims = {
                name: it for name, it in (user.custom_claims or {}).items() if name != "operator"
            }
            auth.set_custom_user_claims(
                user.uid, claims | ({"operator": True} if operator else {}), app=self._app
            )
            if not operator:
                auth.revoke_refresh_tokens(user.uid, app=self._app)

    def password_link(self, email: str) -> str:
        with _in_our_words(email):
            return str(auth.generate_password_reset_link(email, app=self._app))

    def mail_password_link(self, email: str) -> None:
        self._call("sendOobCode", {"requestType": "PASSWORD_RESET", "email": email})

    def drop_second_factors(self, email: str) -> None:
        self._call("update", {"localId": self.uid(email), "mfa": {"enrollments": []}})

    def _call(self, name: str, body: dict[str, Any]) -> None:
        try:
            answer = self._session().post(
                f"{self._url}:{name}", json=body, timeout=ANSWER_SECONDS, allow_redirects=False
            )
        except requests.RequestException as away:
            raise TryAgain(f"Google's accounts cannot be reached: {type(away).__name__}") from away
        if answer.status_code != 200:
            raise _refused(answer)

    def _session(self) -> requests.Session:
        if self._emulator is None:
            return AuthorizedSession(self._app.credential.get_credential())
        session = requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = "Bearer owner"
        return session


@contextmanager
def _in_our_words(email: str) -> Iterator[None]:
    """Translate what the admin SDK raises."""
    try:
        yield
    except auth.UserNotFoundError:
        raise NotFound(f"there is no account of {email}") from None
    except exceptions.PermissionDeniedError as refused:
        raise Forbidden(f"Google refuses it: {refused}") from None
    except exceptions.FirebaseError as failed:
        raise TryAgain(f"Google did not do it: {failed}") from None
    except ValueError as malformed:
        raise Malformed(str(malformed)) from None


def _refused(answer: requests.Response) -> Exception:
    """Return the error for an answer other than 200, with Google's own words."""
    try:
        said = str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        said = f"status {answer.status_code}"
    kind: Callable[[str], Exception] = Forbidden if answer.status_code == 403 else TryAgain
    return kind(f"Google did not do it: {said}")
