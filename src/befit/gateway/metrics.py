"""`Metrics`: what the gateway counts, as Prometheus reads it.

Only counts, routes and status codes: nothing here names a key, a model, a workflow or
content, so it may be read without a key.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Refused(StrEnum):
    """Why a request was refused before there was a decision to record it in."""

    KEY = "key"
    BODY = "body"
    BODY_SIZE = "body_size"
    HEADERS = "headers"
    MALFORMED = "malformed"
    SLOW = "slow"
    UNREAD = "unread"
    OVERLOAD = "overload"
    CONNECTIONS = "connections"
    ROUTE = "route"


class _Histogram:
    """Durations in cumulative buckets."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BUCKETS_S) + 1)
        self._sum_s = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(_BUCKETS_S, seconds)] += 1
        self._sum_s += seconds

    def lines(self, name: str, labels: str) -> Iterator[str]:
        total = 0
        for bound, count in zip(_BUCKETS_S, self._counts, strict=False):
            total += count
            yield f'{name}_bucket{{{labels},le="{bound}"}} {total}'
        total += self._counts[-1]
        yield f'{name}_bucket{{{labels},le="+Inf"}} {total}'
        yield f"{name}_sum{{{labels}}} {self._sum_s:.6f}"
        yield f"{name}_count{{{labels}}} {total}"


class Metrics:
    """The counts of one gateway process, since it started."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._refused: Counter[str] = Counter()
        self._cut: Counter[str] = Counter()
        self._durations: dict[str, _Histogram] = {}
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request whose answer is out."""
        self._requests[route, status] += 1
        histogram = self._durations.get(route)
        if histogram is None:
            histogram = self._durations[route] = _Histogram()
        histogram.observe(seconds)

    def refused(self, reason: Refused) -> None:
        """Count a request that was refused before it became a decision."""
        self._refused[reason] += 1

    def cut(self, reason: str) -> None:
        """Count a request that ended before its answer was out."""
        self._cut[reason] += 1

    def gauge(self, name: str, told: str, value: Callable[[], float]) -> None:
        """Show a value that is read whenever the metrics are."""
        self._gauges[name] = (told, value)

    def text(self) -> str:
        """Everything, in Prometheus' text format."""
        return "\n".join([*self._lines(), ""])

    def _lines(self) -> Iterator[str]:
        requests = {
            f'route="{route}",status="{status}"': count
            for (route, status), count in self._requests.items()
        }
        yield from _counter("befit_requests_total", "Answered requests.", requests)
        yield from _counter(
            "befit_refused_before_decision_total",
            "Requests refused before there was a decision to record them in.",
            {f'reason="{reason}"': self._refused[reason] for reason in Refused},
        )
        cut = {f'by="{reason}"': count for reason, count in self._cut.items()}
        yield from _counter("befit_cut_total", "Requests ended before their answer was out.", cut)
        for name, (told, value) in self._gauges.items():
            yield from _header(name, told, "gauge")
            yield f"{name} {value():g}"
        yield from _header("befit_request_seconds", "Time until an answer was out.", "histogram")
        for route, histogram in self._durations.items():
            yield from histogram.lines("befit_request_seconds", f'route="{route}"')


def _counter(name: str, told: str, values: Mapping[str, int]) -> Iterator[str]:
    yield from _header(name, told, "counter")
    for labels, count in sorted(values.items()):
        yield f"{name}{{{labels}}} {count}"


def _header(name: str, told: str, kind: str) -> Iterable[str]:
    return (f"# HELP {name} {told}", f"# TYPE {name} {kind}")
