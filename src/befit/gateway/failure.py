"""Errors as clients see them: OpenAI's shape with the true status code."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from befit.errors import BefitError, NotAuthenticated, Overloaded

RETRY_AFTER_S = 1

# OpenAI's own words for kinds of errors, which its clients know.
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    409: "conflict_error",
    413: "invalid_request_error",
    429: "insufficient_quota",
}

_RETRIED = frozenset({408, 409, 429})


class ErrorObject(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """OpenAI's error object, with what Befit adds: the decision and the next step."""

    message: str
    type: str
    param: str | None
    code: str
    decision_id: str | None = None
    next_step: str | None = None
    excluded: dict[str, str] = {}


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of every answer that is an error."""

    error: ErrorObject


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """An error as an HTTP answer."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


def failure_of(error: BefitError) -> Failure:
    """The answer that tells a client of an error."""
    headers: list[tuple[bytes, bytes]] = []
    if isinstance(error, NotAuthenticated):
        headers.append((b"www-authenticate", b'Bearer realm="befit"'))
    if isinstance(error, Overloaded):
        headers.append((b"retry-after", str(RETRY_AFTER_S).encode()))
    if not error.retry and (error.status in _RETRIED or error.status >= 500):
        # The official client repeats these by itself; only a retry that can help is wanted.
        headers.append((b"x-should-retry", b"false"))
    if error.decision_id is not None:
        headers.append((b"befit-decision", error.decision_id.encode()))
    return Failure(status=error.status, body=error_body(error), headers=tuple(headers))


def error_body(error: BefitError) -> bytes:
    """OpenAI's error body; the next step stands in the message, where people see it."""
    return msgspec.json.encode(ErrorBody(error_object(error)))


def error_object(error: BefitError) -> ErrorObject:
    """The error object alone, as documents and streams carry it too."""
    return ErrorObject(
        message=str(error),
        type=_TYPES.get(error.status, "server_error"),
        param=error.param,
        code=error.code,
        decision_id=error.decision_id,
        next_step=error.next_step,
        excluded=error.excluded,
    )
