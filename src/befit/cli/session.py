"""`open_session`: a command's way to the workspace, whether a server runs on it or not.

    async with open_session(workspace) as session:
        document = await session.call("usage", {"by": ["model"]})

Where a server runs, the call goes over its control socket. Where none runs, the command
takes the workspace's lock, opens the platform in its own process and starts the model
process only when an operation needs it. Another command that holds the lock for a moment
is waited for.
"""

from __future__ import annotations

import asyncio
import importlib
import signal
import time
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Protocol, TypeVar

import click

from befit.catalog import Workspace, WorkspaceLock, is_locked, owner_pid
from befit.cli.standpoint import Standpoint, standpoint
from befit.errors import WorkspaceLocked
from befit.gateway import ControlClient, connect
from befit.vocabulary import Progress, silent

Document = Mapping[str, object]

T = TypeVar("T")

_PATIENCE_S = 20.0
_LOOK_EVERY_S = 0.1
_LOCAL = "befit.cli.local_session"


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


class RemoteSession:
    """Operations performed by the running server."""

    def __init__(self, client: ControlClient, stands: Standpoint) -> None:
        self._client = client
        self._stands = stands

    async def call(
        self, operation: str, params: Mapping[str, object], progress: Progress = silent
    ) -> Document:
        """Perform one operation there."""
        return await self._client.call(
            operation,
            params,
            progress,
            acting_as=self._stands.acting_as,
            tenant=self._stands.tenant,
        )


@asynccontextmanager
async def open_session(
    workspace: Workspace, *, acting_as: str | None = None
) -> AsyncGenerator[Session]:
    """A session as the local administrator of the tenant that `--tenant` names, or as the
    reader it asserts.

    Raises:
        InvalidRequest: there is no such tenant.
        WorkspaceLocked: another process holds the workspace and answers no commands.
        WorkspaceError: a file of the workspace is missing or wrong.
    """
    found = await _server_or_lock(workspace)
    if isinstance(found, ControlClient):
        yield RemoteSession(found, standpoint(acting_as))
        return
    with found:
        async with _local(workspace, standpoint(acting_as)) as session:
            yield session


def perform(
    workspace: Workspace,
    operation: str,
    params: Mapping[str, object],
    *,
    acting_as: str | None = None,
    progress: Progress = silent,
) -> Document:
    """Perform one operation in a session of its own; what most commands do."""

    async def call() -> Document:
        async with open_session(workspace, acting_as=acting_as) as session:
            return await session.call(operation, params, progress)

    return run(call())


def run(work: Coroutine[object, object, T]) -> T:
    """Run a command's work; Ctrl-C and SIGTERM end it the orderly way.

    Raises:
        KeyboardInterrupt: it was interrupted or told to terminate; what it had open has been
            closed.
    """

    async def cancellable() -> T:
        task = asyncio.ensure_future(work)
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait((task,))
            raise

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _server_or_lock(workspace: Workspace) -> ControlClient | WorkspaceLock:
    """The running server, or the lock in its place; waits for who holds it a moment."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        client = await connect(workspace)
        if client is not None:
            return client
        lock = WorkspaceLock(workspace, command=_command())
        try:
            lock.acquire()
        except WorkspaceLocked:
            if time.monotonic() >= deadline:
                raise
            await asyncio.sleep(_LOOK_EVERY_S)
        else:
            return lock


def _command() -> str:
    """What the user called, without what they said to it: `befit ingest`."""
    context = click.get_current_context(silent=True)
    return "" if context is None else context.command_path


async def server_if_any(workspace: Workspace) -> ControlClient | None:
    """The running server, or None once nobody holds the workspace; takes no lock.

    Raises:
        WorkspaceLocked: a process holds the workspace, and it is no server.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        client = await connect(workspace)
        if client is not None or not is_locked(workspace):
            return client
        if time.monotonic() >= deadline:
            raise WorkspaceLocked(
                f"process {owner_pid(workspace)} holds the workspace {workspace.root}",
                next_step="try again when it has ended",
            )
        await asyncio.sleep(_LOOK_EVERY_S)


def _local(workspace: Workspace, stands: Standpoint) -> AbstractAsyncContextManager[Session]:
    # The platform costs half a second to import, which no command beside a server need pay.
    opened: AbstractAsyncContextManager[Session] = importlib.import_module(_LOCAL).local_session(
        workspace, stands
    )
    return opened
