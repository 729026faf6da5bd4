"""Refuse requests that web pages of other sites send to a server that listens on this machine only.

A page can let a browser send requests to a loopback address.  It can read the responses if the name of its
own host is made to resolve to that address (DNS rebinding); the header "host" then has that name.
"""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from charseq.errors import quoted
from charseq.serving.errors import APIError
from charseq.serving.exchange import Message, Receive, Send, send_error


class LocalOnly:
    """An ASGI application that passes on the requests that do not come from a page of another site."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request with status 403, or pass it on."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name in (b"host", b"origin") and not is_local(value.decode("latin-1")):
                    await send_error(send, _forbidden(name.decode(), value.decode("latin-1")))
                    return
        await self._application(scope, receive, send)


def is_local(value: str) -> bool:
    """Return whether a host, or a header "host" or "origin", is localhost or a loopback address."""
    try:
        is_bare_ipv6 = value.count(":") > 1 and not {"[", "/"} & set(value)
        name = value if is_bare_ipv6 else urlsplit(value if "//" in value else f"//{value}").hostname
        return name == "localhost" or ipaddress.ip_address(name or "").is_loopback
    except ValueError:
        return False


def _forbidden(header: str, value: str) -> APIError:
    message = f"the header {header} has {quoted(value[:100])}, and this server answers localhost only"
    return APIError(403, message, code="forbidden_host")
