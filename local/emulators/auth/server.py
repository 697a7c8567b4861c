"""An emulator of Google's sign-in, for people, devices and the Admin SDK; Google's own needs Node.

Calls by the client SDKs name no project, only an API key that is not checked, so all of them belong
to the one project the emulator was started with.
"""

import argparse
import html
import json
import os
from collections import defaultdict
from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from local.emulators.auth.accounts import Accounts, Json, Refusal
from local.emulators.auth.app_check import AppCheck
from local.emulators.auth.calls import GRANT, SIGN_IN_CALLS, Caller, not_implemented
from local.emulators.auth.mail import ACTION, MAIL_CALLS
from local.emulators.auth.records import ACCOUNT_CALLS, ADMINISTRATORS_ONLY
from local.emulators.auth.second_factor import SECOND_FACTOR_CALLS
from local.emulators.auth.tokens import refresh_project
from local.emulators.background import serve

DEFAULT_PROJECT = "demo-fanfare"
ACCOUNTS = "/identitytoolkit.googleapis.com/v1/accounts:{call}"
PROJECT_ACCOUNTS = "/identitytoolkit.googleapis.com/v1/projects/{project}/accounts"
FACTORS = "/identitytoolkit.googleapis.com/v2/accounts/{call}"
CALLS = SIGN_IN_CALLS | ACCOUNT_CALLS | MAIL_CALLS | SECOND_FACTOR_CALLS
TOKEN = "/securetoken.googleapis.com/v1/token"
EMULATOR_ACCOUNTS = "/emulator/v1/projects/{project}/accounts"
EMULATOR_MAILS = "/emulator/v1/projects/{project}/oobCodes"
APP_CHECK = "/firebaseappcheck.googleapis.com/v1"
EMULATOR_KEYS = "/emulator/v1/appCheckKeys"


def app(project: str = DEFAULT_PROJECT) -> web.Application:
    """Create the emulator; ``project`` is the one client SDKs sign in to."""
    doors = Doors(project)
    made = web.Application(middlewares=[cross_origin, refusals])
    made.router.add_get("/", doors.health)
    made.router.add_post(ACCOUNTS, doors.call)
    made.router.add_post(PROJECT_ACCOUNTS, doors.create)
    made.router.add_route("*", PROJECT_ACCOUNTS + ":{call}", doors.call)
    made.router.add_post(FACTORS, doors.call)
    made.router.add_post(TOKEN, doors.token)
    made.router.add_get(APP_CHECK + "/jwks", doors.app_check_keys)
    made.router.add_post(
        APP_CHECK + "/projects/{project}/apps/{app}:exchangeDebugToken", doors.app_check_token
    )
    made.router.add_post(EMULATOR_KEYS, doors.rotate_app_check_keys)
    made.router.add_get(EMULATOR_MAILS, doors.list_mails)
    made.router.add_get(ACTION, doors.password_page)
    made.router.add_post(ACTION, doors.set_password)
    made.router.add_get(EMULATOR_ACCOUNTS, doors.list_all)
    made.router.add_delete(EMULATOR_ACCOUNTS, doors.delete_all)
    return made


class Doors:
    """HTTP handlers: they find project and caller, and hand the body to the call."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._projects: defaultdict[str, Accounts] = defaultdict(Accounts)
        self._app_check = AppCheck()

    async def health(self, _: web.Request) -> web.Response:
        """Answer like Google's emulator when it is asked whether it is up."""
        return web.json_response({"authEmulator": {"ready": True}})

    async def call(self, request: web.Request) -> web.Response:
        """Answer any ``accounts:...``."""
        return await self._answer(request, request.match_info["call"])

    async def create(self, request: web.Request) -> web.Response:
        """Create an account, as the Admin SDK asks for it."""
        return await self._answer(request, "signUp")

    async def token(self, request: web.Request) -> web.Response:
        """Answer a refresh; the project is the refresh token's."""
        body = await _body(request)
        token = str(body.get("refresh_token", ""))
        project = refresh_project(token) if token else self._project
        return web.json_response(GRANT(self._caller(project, administrator=False), body))

    async def list_all(self, request: web.Request) -> web.Response:
        """List every account of a project."""
        accounts = self._projects[request.match_info["project"]]
        return web.json_response({"users": [account.as_json() for account in accounts.all()]})

    async def delete_all(self, request: web.Request) -> web.Response:
        """Forget a project's accounts."""
        self._projects[request.match_info["project"]].clear()
        return web.json_response({})

    async def list_mails(self, request: web.Request) -> web.Response:
        """List the links that were sent and not used, as Google's emulator does."""
        mails = self._projects[request.match_info["project"]].mails.values()
        return web.json_response({"oobCodes": [mail.as_json() for mail in mails]})

    async def app_check_keys(self, _: web.Request) -> web.Response:
        """Answer with the keys of App Check, as Google publishes them."""
        return web.json_response(self._app_check.jwks())

    async def app_check_token(self, request: web.Request) -> web.Response:
        """Give an app a token for its debug token."""
        names = request.match_info
        body = await _body(request)
        return web.json_response(self._app_check.exchange(names["project"], names["app"], body))

    async def rotate_app_check_keys(self, _: web.Request) -> web.Response:
        """Sign with a new key from now on."""
        return web.json_response(self._app_check.rotate())

    async def password_page(self, request: web.Request) -> web.Response:
        """Show the page that a link in a mail leads to."""
        code = request.query.get("oobCode", "")
        try:
            told = self._with_code(request, {"oobCode": code})
        except Refusal as refusal:
            return _page(f"This link cannot be used ({refusal}). Ask for another.", status=400)
        return _page(f"A new password for {told['email']}", code)

    async def set_password(self, request: web.Request) -> web.Response:
        """Set the password that was written into the page."""
        form = await request.post()
        code, password = str(form.get("oobCode", "")), str(form.get("newPassword", ""))
        try:
            self._with_code(request, {"oobCode": code, "newPassword": password})
        except Refusal as refusal:
            known = "OOB" not in str(refusal)
            return _page(f"Not done: {refusal}", code if known else "", status=400)
        return _page("Done. Sign in with the new password.")

    def _with_code(self, request: web.Request, body: Json) -> Json:
        caller = self._caller(self._project, administrator=False, origin=_origin(request))
        return MAIL_CALLS["resetPassword"](caller, body)

    async def _answer(self, request: web.Request, name: str) -> web.Response:
        administrator = _is_administrator(request)
        project = request.match_info.get("project")
        if (project or name in ADMINISTRATORS_ONLY) and not administrator:
            raise Refusal(
                "Request is missing required authentication credential.", 401, "UNAUTHENTICATED"
            )
        if not administrator and not request.query.get("key"):
            raise Refusal("The request is missing a valid API key.", 403, "PERMISSION_DENIED")
        if name not in CALLS:
            raise not_implemented(f"accounts:{name}")
        caller = self._caller(
            project or self._project, administrator=administrator, origin=_origin(request)
        )
        return web.json_response(CALLS[name](caller, await _body(request)))

    def _caller(self, project: str, *, administrator: bool, origin: str = "") -> Caller:
        return Caller(project, self._projects[project], administrator, origin)


def _origin(request: web.Request) -> str:
    return str(request.url.origin())


def _page(sentence: str, code: str = "", status: int = 200) -> web.Response:
    """Build a page that says something, and asks for a password if there is a code for it."""
    form = (
        '<form method="post" action="' + ACTION + '">'
        f'<input type="hidden" name="oobCode" value="{html.escape(code)}">'
        '<label>New password <input name="newPassword" type="password" required '
        'autocomplete="new-password"></label> <button>Set it</button></form>'
    )
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Password</title>'
        f"<p>{html.escape(sentence)}</p>{form if code else ''}</html>"
    )
    return web.Response(text=text, status=status, content_type="text/html")


def _is_administrator(request: web.Request) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and token.lower() == "owner"


async def _body(request: web.Request) -> Json:
    if request.method == "GET":
        return dict(request.query)
    if request.content_type == "application/x-www-form-urlencoded":
        return dict(await request.post())
    try:
        body = json.loads(await request.text() or "{}")
    except ValueError as wrong:
        raise Refusal(f"Invalid JSON payload received. {wrong}") from wrong
    if not isinstance(body, dict):
        raise Refusal("Invalid JSON payload received. The body is not an object.")
    return body


@web.middleware
async def cross_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let any page call: nothing here rests on cookies."""
    preflight = request.method == "OPTIONS"
    response = web.Response(status=204) if preflight else await handler(request)
    asked = request.headers.get("Access-Control-Request-Headers", "*")
    response.headers.update(
        {
            "Access-Control-Allow-Origin": request.headers.get("Origin", "*"),
            "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
            "Access-Control-Allow-Headers": asked,
            "Vary": "Origin, Access-Control-Request-Headers",
        }
    )
    return response


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put every error into Google's form."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return _error(refusal.code, str(refusal), refusal.status)
    except web.HTTPException as error:
        status = "NOT_FOUND" if error.status == HTTPStatus.NOT_FOUND else "UNKNOWN"
        return _error(error.status, error.reason, status)


def _error(code: int, message: str, status: str) -> web.Response:
    one = {"message": message, "reason": "invalid", "domain": "global"}
    error: Json = {"code": code, "message": message, "errors": [one], "status": status}
    return web.json_response({"error": error}, status=code)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the emulator until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="python -m local.emulators.auth.server",
        description="An emulator of Google's sign-in. Accounts live in memory only.",
        epilog="Set FIREBASE_AUTH_EMULATOR_HOST=HOST:PORT for the Admin SDK; give the JavaScript "
        "SDK http://HOST:PORT in connectAuthEmulator. Any API key will do.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (127.0.0.1)")
    parser.add_argument("--port", type=int, default=9099, help="port; 0 takes any free one (9099)")
    parser.add_argument(
        "--project",
        default=os.environ.get("GOOGLE_CLOUD_PROJECT", DEFAULT_PROJECT),
        help=f"project of client sign-ins (GOOGLE_CLOUD_PROJECT, or {DEFAULT_PROJECT})",
    )
    given = parser.parse_args(arguments)
    serve(
        app(given.project),
        given.host,
        given.port,
        f"sign-in emulator for {given.project} at {{url}}",
    )


if __name__ == "__main__":
    main()
