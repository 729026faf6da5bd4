"""Errors in the form of the completions interface."""

from typing import Any

OVERLOADED_SECONDS = 1
"""Seconds after which a client may try again if the queue was full."""


class APIError(Exception):
    """A response with a status of 400 or more.

    `kind` and `code` are the strings "type" and "code" of the interface; `param` names the field at fault.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.kind, self.param, self.code = status, message, kind, param, code

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object of the response."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error}


def invalid(message: str, param: str | None = None, code: str | None = None) -> APIError:
    """Return the error for a request that cannot be answered as it is."""
    return APIError(400, message, param=param, code=code)


def overloaded(message: str) -> APIError:
    """Return the error for a request that can be sent again later."""
    return APIError(503, message, kind="service_unavailable_error", code="overloaded")


def stopping() -> APIError:
    """Return the error for a request that a stop of the server cut short."""
    return APIError(503, "the server is stopping", kind="service_unavailable_error", code="stopping")


def timed_out(seconds: float) -> APIError:
    """Return the error for a request that took too long."""
    message = f"the completion was not finished within {seconds:g} s (--timeout of charseq serve)"
    return APIError(504, message, kind="timeout_error", code="timeout")


def failed(message: str, code: str = "internal_error") -> APIError:
    """Return the error for a request that the server cannot answer through no fault of the client."""
    return APIError(500, message, kind="server_error", code=code)
