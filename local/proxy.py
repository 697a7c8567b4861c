"""Functions that are served by another process, behind the same address.

In production every function has instances of its own: those that Cloud Tasks calls take no time
from those that people call. Here one interpreter would serve all, one thread at a time.
"""

import http.client
from collections.abc import Iterable
from contextlib import closing
from http import HTTPStatus
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

OF_ONE_HOP = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}
LONGEST_SECONDS = 1800.0
"""The longest wait for a function: nobody waits longer than Cloud Tasks."""


class Proxy:
    """WSGI app that forwards a request, and returns its answer."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Forward a request; answer 502 when no answer came: the caller tries again, as in
        production.
        """
        try:
            answer = self._forward(Request(environ))
        except (OSError, http.client.HTTPException):
            answer = Response("the function's process does not answer", HTTPStatus.BAD_GATEWAY)
        return answer(environ, start_response)

    def _forward(self, request: Request) -> Response:
        # A connection of its own: a kept one may have been closed just now.
        with closing(http.client.HTTPConnection(self._address, timeout=LONGEST_SECONDS)) as line:
            sent = {k: v for k, v in request.headers.items() if k.lower() not in OF_ONE_HOP}
            path = request.root_path + request.full_path.rstrip("?")
            line.request(request.method, path, request.get_data(), {**sent, "Connection": "close"})
            answer = line.getresponse()
            headers = [(k, v) for k, v in answer.getheaders() if k.lower() not in OF_ONE_HOP]
            return Response(answer.read(), answer.status, headers)
