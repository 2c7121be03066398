"""`Peers`: loopback servers that stand in for models outside this process.

They show where a text goes and what happens when a model dies, never how good an answer
is: what they answer is scripted and says so.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from befit.cli.demo.company import OUTSIDE, PREFERRED, SECOND, engage_stand_ins
from befit.cli.demo.stage import Stage
from befit.messages import ChatRequest
from befit.testing import ScriptedUpstream


@dataclass(frozen=True, kw_only=True, slots=True)
class Peers:
    """The three of them; each counts the connections and requests that reach it."""

    outside: ScriptedUpstream
    preferred: ScriptedUpstream
    second: ScriptedUpstream


@asynccontextmanager
async def engaged_peers(stage: Stage) -> AsyncGenerator[Peers]:
    """Start them and put their cards in force in the running platform."""
    async with AsyncExitStack() as running:
        servers = {
            name: await running.enter_async_context(ScriptedUpstream(_scripted, models=(name,)))
            for name in (OUTSIDE, PREFERRED, SECOND)
        }
        engage_stand_ins(stage.workspace, {name: peer.url for name, peer in servers.items()})
        await stage.reload()
        yield Peers(outside=servers[OUTSIDE], preferred=servers[PREFERRED], second=servers[SECOND])


def _scripted(request: ChatRequest) -> str:
    words = len(request.text.split())
    return f"(scripted: a stand-in received {words} words)"
