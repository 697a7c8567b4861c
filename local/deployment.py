"""The functions as they are deployed: loaded, named, and called by Google's services.

Google attaches an OIDC token to every call of a task, an event or the clock, and the functions
refuse calls without one. So calls made here carry such a token too, with the account and audience
that production would put there.
"""

import base64
import contextlib
import json
import os
import runpy
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import flask
import functions_framework
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@dataclass(frozen=True, slots=True)
class Place:
    """Project the functions are deployed to, their address, and the accounts that call them."""

    project: str
    region: str
    functions_url: str
    events_account: str
    scheduler_account: str

    @classmethod
    def of(
        cls, project: str, region: str, address: str, environ: Mapping[str, str] = os.environ
    ) -> Self:
        """Read the place from the settings that the functions themselves are given."""

        def account(role: str) -> str:
            default = f"fanfare-{role}@{project}.iam.gserviceaccount.com"
            return environ.get(f"FANFARE_{role.upper()}_ACCOUNT") or default

        url = environ.get("FANFARE_FUNCTIONS_URL") or f"http://{address}/{project}/{region}"
        return cls(project, region, url, account("events"), account("scheduler"))


def doors(source: Path) -> Mapping[str, str]:
    """Read the table of entry points that the source declares; it may import what is beside it."""
    sys.path.append(str(source.parent))
    table: Mapping[str, str] = runpy.run_path(str(source))["DOORS"]
    return table


def deployed(entry_point: str) -> str:
    """Return the deployed name of an entry point."""
    return entry_point.replace("_", "-")


def load(source: Path, entry_points: Iterable[str]) -> dict[str, flask.Flask]:
    """Load functions by deployed name, wrapped as they are in production."""
    loaded: dict[str, flask.Flask] = {}
    for entry_point in entry_points:
        kind = "cloudevent" if entry_point.startswith("on_") else "http"
        app = functions_framework.create_app(  # type: ignore[no-untyped-call]
            entry_point, str(source), kind
        )
        if not isinstance(app, flask.Flask):
            raise TypeError(
                f"{entry_point} is asynchronous; the gateway serves WSGI functions only"
            )
        loaded[deployed(entry_point)] = app
    return loaded


def unsigned_token(account: str, audience: str) -> str:
    """Make the OIDC token that Google would attach, unsigned: for the local stack only."""
    now = int(time.time())
    claims = {
        "iss": "https://accounts.google.com",
        "aud": audience,
        "sub": account,
        "email": account,
        "email_verified": True,
        "iat": now,
        "exp": now + 3600,
    }
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return b".".join([*encoded, b""]).decode()


class Caller:
    """Client that calls functions inside this process, as a Google service with its own account."""

    def __init__(self, app: "WSGIApplication", place: Place, account: str) -> None:
        self._app, self._place, self._account = app, place, account

    def post(self, function: str, headers: Mapping[str, str], body: bytes = b"") -> int:
        """Call a function; return the status of its answer."""
        place = self._place
        token = unsigned_token(self._account, f"{place.functions_url}/{function}")
        sent = Headers({**headers, "Authorization": f"Bearer {token}"})
        with contextlib.closing(
            EnvironBuilder(
                f"/{function}",
                base_url=place.functions_url,
                method="POST",
                headers=sent,
                data=body,
            )
        ) as request:
            _, status, _ = run_wsgi_app(self._app, request.get_environ(), buffered=True)
        return int(status.split()[0])
