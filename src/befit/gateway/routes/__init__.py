"""Everything but chat, routed by Starlette."""

from befit.gateway.routes.probes import PROBES, ReadyEndpoint
from befit.gateway.routes.table import CHAT_PATH, Routes, route_name

__all__ = ["CHAT_PATH", "PROBES", "ReadyEndpoint", "Routes", "route_name"]
