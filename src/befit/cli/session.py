"""`open_session`: a command's way to the workspace, whether a server runs on it or not.

    async with open_session() as session:
        document = await session.call("usage", {"by": ["model"]})

Where a server runs, the call goes over its control socket. Where none runs, the command
takes the workspace's lock, opens the platform in its own process and starts the model
process only when an operation needs it.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from befit.catalog import Workspace, WorkspaceLock
from befit.gateway import ControlClient, connect
from befit.gateway.operations import OPERATIONS, perform
from befit.identity import Principal, local_administrator
from befit.inference.embedded import ModelProcess
from befit.platform import Platform
from befit.vocabulary import Progress, silent

Document = Mapping[str, object]


class Session(Protocol):
    """Performs operations on one workspace."""

    async def call(
        self, operation: str, params: Mapping[str, object], progress: Progress = silent
    ) -> Document:
        """Perform one operation; its document.

        Raises:
            BefitError: as the operation raises it, wherever it ran.
        """
        ...
