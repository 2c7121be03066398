"""The error tree. Every error says what, which, and what next.

BefitError
├── InvalidRequest            400  the caller's input is wrong (exit 2)
│   ├── ContextTooLong        400  which limit, how many tokens
│   └── BodyTooLarge          413
├── NotAuthenticated          401
├── Forbidden                 403  policy or role; carries the reason
├── PermitDenied              403  a model call without a valid permit
├── NoFitModel                403  policy permits some, and none is good enough
├── PersonRequired            403  answers that a person sees first, asked of a model
├── NotFound                  404  with the nearest name
├── Conflict                  409  the state does not allow it (any more)
├── BudgetExhausted           429
├── Overloaded                503  full or stopping; a retry helps
├── LedgerUnavailable         503  nothing is answered that cannot be recorded
├── WorkspaceError            500  a file of the workspace (exit 1)
│   └── WorkspaceLocked       500  another process owns it; names the pid
├── WeightsMissing            503  names the `befit pull` that brings them
├── MissingExtra              500  names the extra to install
└── ModelFailure              502  a model call failed
    ├── ModelUnreachable      502
    ├── ModelTimeout          504
    ├── ModelRefused          502  the upstream said no; carries its status
    ├── ModelCrashed          502  the model process died under the call
    └── StreamBroken          502  after the first token: never restarted
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BefitError(Exception):
    """Base of all errors that a user may see.

    Attributes:
        code: the stable word for programs (`error.code` over HTTP).
        status: the HTTP status.
        exit_code: the command line's exit code.
        retry: whether the same call may succeed later.
        next_step: what to do about it, when there is something.
        param: which field or argument is meant, when one is.
        decision_id: the decision that records the refusal, once one exists.
        excluded: the models that were not eligible for the request, with reasons.
    """

    code = "internal_error"
    status = 500
    exit_code = 1
    retry = False

    def __init__(
        self, message: str, *, next_step: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.param = param
        self.decision_id: str | None = None
        self.excluded: dict[str, str] = {}

    def __str__(self) -> str:
        return f"{self.message}; {self.next_step}" if self.next_step else self.message


class InvalidRequest(BefitError):
    """The caller's input is wrong; nothing was called."""

    code = "invalid_request"
    status = 400
    exit_code = 2


class ContextTooLong(InvalidRequest):
    """The input exceeds the context window of every model that may take it."""

    code = "context_length_exceeded"
    exit_code = 1


class BodyTooLarge(InvalidRequest):
    """The body exceeds the gateway's limit; it was not read to its end."""

    code = "body_too_large"
    status = 413


class NotAuthenticated(BefitError):
    """No valid key: missing, unknown, expired or revoked."""

    code = "invalid_api_key"
    status = 401


class Forbidden(BefitError):
    """Policy or role does not allow it."""

    code = "forbidden"
    status = 403


class PermitDenied(BefitError):
    """A model was to be called without a permit that covers the call; policy had no say in it."""

    code = "permit_denied"
    status = 403


class NoFitModel(BefitError):
    """Of the models that policy permits none is known to be good enough for the workflow."""

    code = "no_fit_model"
    status = 403


class PersonRequired(BefitError):
    """A model is named for a workflow whose answers a person sees first."""

    code = "person_required"
    status = 403


class NotFound(BefitError):
    """No such model, workflow, run, decision or approval."""

    code = "not_found"
    status = 404


class Conflict(BefitError):
    """The thing is in a state that does not allow this."""

    code = "conflict"
    status = 409


class BudgetExhausted(BefitError):
    """What the call could cost exceeds what is left of a budget."""

    code = "budget_exhausted"
    status = 429


class Overloaded(BefitError):
    """Too many requests at once, or the server is stopping."""

    code = "overloaded"
    status = 503
    retry = True


class LedgerUnavailable(BefitError):
    """The ledger cannot append, so nothing is answered."""

    code = "ledger_unavailable"
    status = 503


class WorkspaceError(BefitError):
    """A file of the workspace is missing, unreadable or wrong."""

    code = "workspace_invalid"


class WorkspaceLocked(WorkspaceError):
    """Another process holds the workspace."""

    code = "workspace_locked"


class WeightsMissing(BefitError):
    """Weights are not in the user's cache; serving never downloads."""

    code = "weights_missing"
    status = 503


class MissingExtra(BefitError):
    """An optional dependency is not installed."""

    code = "missing_extra"

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an extra", next_step=f"pip install 'befit[{extra}]'")


class ModelFailure(BefitError):
    """A model call failed; before the first token a fallback may take over."""

    code = "model_failed"
    status = 502
    retry = True


class ModelUnreachable(ModelFailure):
    """No connection to the model's endpoint."""

    code = "model_unreachable"


class ModelTimeout(ModelFailure):
    """The connection, first token or whole answer took too long."""

    code = "model_timeout"
    status = 504


class ModelRefused(ModelFailure):
    """The upstream answered with an error status."""

    code = "model_refused"

    def __init__(self, message: str, *, upstream_status: int) -> None:
        super().__init__(message)
        self.upstream_status = upstream_status
        # What the caller got wrong, or may ask again for, is told as such: clients retry a 502.
        if upstream_status in {400, 413, 415, 422}:
            self.status = 400
        elif upstream_status == 429:
            self.status = 429
        self.retry = upstream_status in {408, 409, 429} or upstream_status >= 500


class ModelCrashed(ModelFailure):
    """The model process died or restarted under the call."""

    code = "model_crashed"


class StreamBroken(ModelFailure):
    """The stream failed after its first token; it ends in an explicit error event."""

    code = "stream_broken"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The sentence that names the closest known word, for 'unknown X' errors."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"did you mean {matches[0]!r}?" if matches else None
