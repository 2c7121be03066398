"""`connect` and `ControlClient`: a command's way to a running server.

client = await connect(workspace)
if client is not None:
    document = await client.call("usage", {"by": ["model"]})
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec

from befit.catalog import Workspace
from befit.errors import BefitError, Overloaded
from befit.gateway.control_wire import (
    NO_RESULT,
    SOCKET_NAME,
    Call,
    ReportedError,
    Told,
    encoded_params,
    frame,
    read_frame,
    socket_address,
)
from befit.vocabulary import DEFAULT_TENANT, Progress, silent


class ControlClient:
    """Calls operations of the server that runs on a workspace; one connection a call."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def call(
        self,
        operation: str,
        params: Mapping[str, object],
        progress: Progress = silent,
        *,
        acting_as: str | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> dict[str, object]:
        """Perform one operation there; its document. Cancelling cancels it there.

        Args:
            operation: its name, such as `approvals.list`.
            params: its parameters; decimals may stand in them.
            progress: told of long operations.
            acting_as: `USER[:GROUP,GROUP..]`, to ask without the administrator's rights.
            tenant: whose administrator asks.

        Raises:
            BefitError: as the operation raised it, or `Overloaded` where the server has gone.
        """
        call = Call(
            operation=operation,
            params=encoded_params(params),
            acting_as=acting_as,
            tenant=tenant,
        )
        try:
            reader, writer = await _opened(self._path)
        except OSError as error:
            raise _gone(error.strerror or str(error)) from None
        try:
            writer.write(frame(call))
            return await _document(reader, progress)
        finally:
            writer.close()


async def connect(workspace: Workspace) -> ControlClient | None:
    """A client of the server that runs on the workspace, or None where none answers."""
    path = workspace.run_dir / SOCKET_NAME
    try:
        _, writer = await _opened(path)
    except OSError:
        return None
    writer.close()
    return ControlClient(path)


async def _opened(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    with socket_address(path) as address:
        return await asyncio.open_unix_connection(address)


async def _document(reader: asyncio.StreamReader, progress: Progress) -> dict[str, object]:
    while True:
        told = await read_frame(reader, Told)
        if told is None:
            raise _gone("it ended in the middle of the call")
        if told.error is not None:
            raise ReportedError(told.error)
        if told.progress is not None:
            progress(told.progress.stage, told.progress.done, told.progress.total)
        if told.result != NO_RESULT:
            return msgspec.json.decode(told.result, type=dict[str, object])


def _gone(why: str) -> BefitError:
    return Overloaded(f"the running server does not answer: {why}", next_step="try again")
