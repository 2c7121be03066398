"""`GatewayApp`: which endpoint answers a request.

Chat goes straight to its endpoint over raw ASGI; everything else is routed by a table.
"""

from __future__ import annotations

from befit.gateway.chat import ChatEndpoint
from befit.gateway.door import Door
from befit.gateway.flight import Flights
from befit.gateway.limits import Limits
from befit.gateway.metrics import Metrics
from befit.gateway.reply import Receive, Scope, Send
from befit.gateway.routes import CHAT_PATH, PROBES, ReadyEndpoint, Routes, route_name
from befit.platform import Platform


class GatewayApp:
    """The ASGI application of one gateway process.

    Attributes:
        flights: the requests under way; a stopping server ends them.
    """

    def __init__(
        self, platform: Platform, ready: ReadyEndpoint, *, limits: Limits, metrics: Metrics
    ) -> None:
        self.flights = Flights(limits.max_requests)
        self._door = Door(self.flights, metrics)
        self._chat = ChatEndpoint(
            platform.orchestrator, platform.authenticator, limits=limits, flights=self.flights
        )
        self._routes = Routes(platform, self._chat, ready, limits=limits, metrics=metrics)
        metrics.gauge("befit_requests_under_way", "Requests under way.", self.flights.__len__)

    @property
    def endpoints(self) -> tuple[tuple[str, str], ...]:
        """Method and path of every endpoint, as declared."""
        return self._routes.endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        if path == CHAT_PATH and scope["method"] == "POST":
            await self._door.pass_through("chat", self._chat, scope, receive, send)
        elif path in PROBES:
            # Probes are answered also when nothing else can be.
            await self._routes(scope, receive, send)
        else:
            await self._door.pass_through(route_name(path), self._routes, scope, receive, send)
