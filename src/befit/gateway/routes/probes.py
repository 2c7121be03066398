"""Probes for whoever keeps the server running: alive, ready, and its counts."""

from __future__ import annotations

import msgspec

from befit.errors import BefitError
from befit.gateway.background import Background
from befit.gateway.catalog_watch import CatalogWatch
from befit.gateway.metrics import CONTENT_TYPE, Metrics
from befit.gateway.reply import Receive, Scope, Send, send_json
from befit.platform import Platform

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that are answered without a key, and also when the server is full."""


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether requests can be answered; each part is `ok` or the fault's stable word."""

    status: str
    models: str
    ledger: str
    checkpoints: str
    catalog: str
    background: str


class HealthEndpoint:
    """`GET /healthz`: the process answers; no more is said."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        await send_json(send, b'{"status":"ok"}')


class ReadyEndpoint:
    """`GET /readyz`: 200 once models, ledger and catalog are fit to answer, else 503."""

    def __init__(self, platform: Platform, watch: CatalogWatch, background: Background) -> None:
        self._platform = platform
        self._watch = watch
        self._background = background

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look, and say by status and by words."""
        found = await readiness_of(self._platform, self._watch, self._background)
        status = 200 if found.status == "ready" else 503
        await send_json(send, msgspec.json.encode(found), status=status)


class MetricsEndpoint:
    """`GET /metrics`, for Prometheus."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the counts as they are."""
        body = self._metrics.text().encode()
        headers = [
            (b"content-type", CONTENT_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def readiness_of(
    platform: Platform, watch: CatalogWatch, background: Background
) -> Readiness:
    """Look at everything an answer needs. Says what is wrong by a word, never by content."""
    models = await _models(platform)
    ledger = "ok" if platform.ledger.is_available else "ledger_unavailable"
    # A wrong file leaves the catalog before it in force, so this is worth a word, not a 503.
    catalog = "workspace_invalid" if watch.problems else "ok"
    # Answers are recorded all the same; what is missing is the copy that is kept elsewhere.
    checkpoints = "ok" if platform.checkpointer.problem is None else "checkpoint_not_kept"
    is_ready = (models, ledger) == ("ok", "ok")
    return Readiness(
        status="ready" if is_ready else "not_ready",
        models=models,
        ledger=ledger,
        checkpoints=checkpoints,
        catalog=catalog,
        # It is started again by itself, so requests are answered meanwhile.
        background="background_failing" if background.failing else "ok",
    )


async def _models(platform: Platform) -> str:
    """One process serves all embedded models, so one of their cards speaks for it."""
    cards = platform.catalog.current.cards.values()
    embedded = next((card for card in cards if card.is_in_process), None)
    if embedded is None:
        return "ok"
    try:
        await platform.caller.list_models(embedded)
    except BefitError as error:
        return error.code
    return "ok"
