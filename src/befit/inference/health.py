"""Whether a model is worth calling: learnt from real calls, never from generated prompts.

A model that failed several times in a row is left alone for some seconds, then one call
tries it again, while all others still see it as unhealthy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from befit.errors import ModelFailure, ModelRefused

Clock = Callable[[], float]

# The caller's request was wrong; this says nothing about the model.
_CALLERS_FAULT = {400, 405, 413, 414, 415, 422}


class Breaker(StrEnum):
    """Whether calls may go to a model."""

    CLOSED = "closed"  # as usual
    OPEN = "open"  # it failed too often; leave it alone
    HALF_OPEN = "half_open"  # the next call is a trial


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """How a model has fared lately, in words that any caller of any tenant may read.

    Attributes:
        last_error: the code of the newest failure, with the upstream's status where it gave
            one. Never its text: an upstream may quote what somebody asked it.
        last_error_s_ago: how long ago that was; None where nothing failed.
        retry_in_s: when an open breaker lets a trial pass; 0 otherwise.
    """

    breaker: Breaker = Breaker.CLOSED
    consecutive_failures: int = 0
    last_error: str | None = None
    last_error_s_ago: float | None = None
    retry_in_s: float = 0.0

    @property
    def is_usable(self) -> bool:
        """Whether routing may choose the model."""
        return self.breaker is not Breaker.OPEN


@dataclass(frozen=True, kw_only=True, slots=True)
class BreakerRules:
    """When a model is left alone: after how many failures, and for how long.

    The pause doubles with each failed trial, up to `longest_pause_s`.
    """

    failures: int = 3
    pause_s: float = 5.0
    longest_pause_s: float = 60.0


@dataclass(kw_only=True, slots=True)
class _Record:
    failures: int = 0
    last_error: str = ""
    failed_at: float = 0.0
    pause_s: float = 0.0
    open_until: float = 0.0


class HealthBook:
    """The health of every model that was called. Needs no timer: it compares times.

    Args:
        rules: when a breaker opens.
        clock: monotonic seconds.
    """

    def __init__(self, rules: BreakerRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock
        self._records: dict[str, _Record] = {}

    def health(self, name: str) -> Health:
        """How the model named `name` stands now."""
        record = self._records.get(name)
        if record is None:
            return Health()
        now = self._clock()
        left_s = record.open_until - now
        breaker = Breaker.CLOSED
        if record.failures >= self._rules.failures:
            breaker = Breaker.OPEN if left_s > 0 else Breaker.HALF_OPEN
        return Health(
            breaker=breaker,
            consecutive_failures=record.failures,
            last_error=record.last_error,
            last_error_s_ago=max(now - record.failed_at, 0.0),
            retry_in_s=max(left_s, 0.0) if breaker is Breaker.OPEN else 0.0,
        )

    def begin(self, name: str) -> None:
        """Note that a call begins; a trial closes the door behind it until it has ended."""
        record = self._records.get(name)
        if record is not None and self.health(name).breaker is Breaker.HALF_OPEN:
            record.open_until = self._clock() + record.pause_s

    def succeed(self, name: str) -> None:
        """Note an answer: the model is healthy again."""
        self._records.pop(name, None)

    def fail(self, name: str, error: ModelFailure) -> None:
        """Note a failure, unless the caller's request was at fault."""
        if isinstance(error, ModelRefused) and error.upstream_status in _CALLERS_FAULT:
            return
        rules = self._rules
        record = self._records.setdefault(name, _Record())
        record.failures += 1
        record.last_error = _word_of(error)
        record.failed_at = self._clock()
        if record.failures >= rules.failures:
            is_first = record.failures == rules.failures
            doubled = rules.pause_s if is_first else record.pause_s * 2
            record.pause_s = min(doubled, rules.longest_pause_s)
            record.open_until = self._clock() + record.pause_s

    def reachable(self, name: str) -> None:
        """Note that the server listed its models: an open breaker admits a trial at once."""
        record = self._records.get(name)
        if record is not None:
            record.open_until = self._clock()


def _word_of(error: ModelFailure) -> str:
    if isinstance(error, ModelRefused):
        return f"{error.code} ({error.upstream_status})"
    return error.code
