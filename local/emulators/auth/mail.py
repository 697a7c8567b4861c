"""The calls about links that reach a person by mail: here they are printed, and listed.

Only ``PASSWORD_RESET`` is asked for: it sets a first password as well as a forgotten one, and
proves the address. As in production with e-mail enumeration protection, whoever asks without an
administrator's token cannot tell a known address from another.
"""

import secrets
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from local.emulators.auth.accounts import Json, Password, Refusal, required
from local.emulators.auth.calls import Body, Call, Caller, kind, not_implemented

SECONDS_VALID = 3600
ACTION = "/emulator/action"


@dataclass(frozen=True, slots=True)
class Mail:
    """A link on its way to an address."""

    email: str
    code: str
    link: str
    expires_at: float

    def as_json(self) -> Json:
        """Convert the mail to what Google's own emulator lists."""
        return {
            "email": self.email,
            "requestType": "PASSWORD_RESET",
            "oobCode": self.code,
            "oobLink": self.link,
        }


class SendOobCode(Body):
    """``accounts:sendOobCode``; ``returnOobLink`` is for administrators only."""

    request_type: str = ""
    email: str | None = None
    return_oob_link: bool = False


def send_oob_code(caller: Caller, body: SendOobCode) -> Json:
    """Send a link that sets a password, or return it to the administrator who asks."""
    if required(body.request_type, "MISSING_REQ_TYPE") != "PASSWORD_RESET":
        raise not_implemented(f"the link {body.request_type}")
    email = required(body.email, "MISSING_EMAIL").lower()
    if body.return_oob_link and not caller.administrator:
        raise Refusal("INSUFFICIENT_PERMISSION", 403, "PERMISSION_DENIED")
    answer: Json = {"kind": kind("GetOobCodeResponse"), "email": email}
    if caller.accounts.by_email(email) is None:
        if caller.administrator:
            raise Refusal("EMAIL_NOT_FOUND")
        return answer
    mail = _written(caller, email)
    if body.return_oob_link:
        return answer | {"oobCode": mail.code, "oobLink": mail.link}
    print(f"Mail to {email}: to set your password, follow this link: {mail.link}", flush=True)
    return answer


def _written(caller: Caller, email: str) -> Mail:
    code = secrets.token_urlsafe(32)
    asked = urlencode({"mode": "resetPassword", "oobCode": code, "apiKey": "local"})
    link = f"{caller.origin}{ACTION}?{asked}"
    mail = Mail(email, code, link, time.time() + SECONDS_VALID)
    caller.accounts.mails[code] = mail
    return mail


class ResetPassword(Body):
    """``accounts:resetPassword``; without a password it only tells whose code it is."""

    oob_code: str | None = None
    new_password: str | None = None


def reset_password(caller: Caller, body: ResetPassword) -> Json:
    """Set the password, end every session, and take the address as proven."""
    mail = caller.accounts.mails.get(required(body.oob_code, "MISSING_OOB_CODE"))
    if mail is None:
        raise Refusal("INVALID_OOB_CODE")
    if mail.expires_at < time.time():
        raise Refusal("EXPIRED_OOB_CODE")
    account = caller.accounts.by_email(mail.email)
    if account is None:
        raise Refusal("INVALID_OOB_CODE")
    if body.new_password is not None:
        account.password = Password.of(body.new_password)
        account.email_verified = True
        account.revoke()
        del caller.accounts.mails[mail.code]
    return {
        "kind": kind("ResetPasswordResponse"),
        "email": mail.email,
        "requestType": "PASSWORD_RESET",
    }


MAIL_CALLS = {
    "sendOobCode": Call(SendOobCode, send_oob_code),
    "resetPassword": Call(ResetPassword, reset_password),
}
