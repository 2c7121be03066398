"""`Routes`: the table of all endpoints, and the answer where nothing is there."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.routing import Route, Router

from befit.errors import InvalidRequest, NotFound
from befit.gateway.chat import ChatEndpoint
from befit.gateway.failure import Failure, failure_of
from befit.gateway.limits import Limits
from befit.gateway.metrics import Metrics, Refused
from befit.gateway.reply import Receive, Scope, Send, send_failure
from befit.gateway.routes.embeddings import EmbeddingsEndpoint
from befit.gateway.routes.model_list import ModelsEndpoint
from befit.gateway.routes.native import NATIVE, native_endpoints
from befit.gateway.routes.probes import HealthEndpoint, MetricsEndpoint, ReadyEndpoint
from befit.platform import Platform

CHAT_PATH = "/v1/chat/completions"


class Routes:
    """The ASGI application behind the dispatcher. Its errors are for the door to answer."""

    def __init__(
        self,
        platform: Platform,
        chat: ChatEndpoint,
        ready: ReadyEndpoint,
        *,
        limits: Limits,
        metrics: Metrics,
    ) -> None:
        self._metrics = metrics
        models = ModelsEndpoint(platform)
        own = native_endpoints(platform, limits)
        self._router = Router(
            [
                Route("/healthz", HealthEndpoint(), methods=["GET"]),
                Route("/readyz", ready, methods=["GET"]),
                Route("/metrics", MetricsEndpoint(metrics), methods=["GET"]),
                Route(CHAT_PATH, chat, methods=["POST"]),
                Route("/v1/embeddings", EmbeddingsEndpoint(platform, limits), methods=["POST"]),
                Route("/v1/models", models, methods=["GET"]),
                Route("/v1/models/{name:path}", models, methods=["GET"]),
                *(Route(each.path, each, methods=[each.method]) for each in own),
            ],
            redirect_slashes=False,
            default=_nothing_there,
        )

    @property
    def endpoints(self) -> tuple[tuple[str, str], ...]:
        """Method and path of every endpoint, as declared."""
        routes = (route for route in self._router.routes if isinstance(route, Route))
        return tuple(
            (method, route.path)
            for route in routes
            for method in sorted(route.methods or ())
            if method != "HEAD"  # comes with every GET
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            BefitError: the request was refused, and nothing of an answer is out.
        """
        scope["app"] = self  # with an app, Starlette raises what it would answer in plain text
        try:
            await self._router(scope, receive, send)
        except HTTPException as error:
            self._metrics.refused(Refused.ROUTE)
            await send_failure(send, _method_not_allowed(scope, error))


def route_name(path: str) -> str:
    """The first part of a path, as metrics name it; unknown ones are all one."""
    part = _first_part(path)
    return part if part in _NAMES else "other"


def _first_part(path: str) -> str:
    return path.removeprefix("/v1/").partition("/")[0]


_NAMES = frozenset({"embeddings", "models", *(_first_part(path) for _, path, _ in NATIVE)})


async def _nothing_there(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotFound(
        f"there is nothing at {scope['path'][:200]!r}",
        next_step="docs/reference/http.md lists what is",
    )


def _method_not_allowed(scope: Scope, error: HTTPException) -> Failure:
    told = InvalidRequest(f"{scope['path'][:200]} does not take {scope['method']}")
    told.code = "method_not_allowed"
    allowed = (error.headers or {}).get("Allow", "").encode()
    return Failure(
        status=error.status_code, body=failure_of(told).body, headers=((b"allow", allowed),)
    )
