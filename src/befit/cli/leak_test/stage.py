"""`Stage`: the product itself, running on a scratch workspace, and everybody's keys.

The platform, the gateway on a real socket and the embedded embedder are those of `befit serve`;
only the model that writes is scripted.
"""

from __future__ import annotations

import logging
import random
import secrets
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from befit.catalog import Workspace, WorkspaceLock
from befit.cli.leak_test.scratch import scratch_workspace, tenants_of
from befit.cli.leak_test.wire import Address, Reply, send
from befit.cli.leak_test.world import ADMINISTRATOR, GROUPS, READERS, Reader
from befit.cli.leak_test.writer import Writer
from befit.gateway.in_process import served
from befit.gateway.operations import OperationCall, perform, perform_json
from befit.identity import Principal, local_administrator
from befit.inference.embedded import ModelProcess, ModelProcessSettings
from befit.inference.embedded.weights import MINILM, located
from befit.platform import Platform
from befit.vocabulary import silent


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """What the acts are played on.

    Attributes:
        sources: the folder that the planted documents are ingested from.
        keys: each reader's, by tenant and name.
        logs_read: how far each process's log has been looked into.
    """

    workspace: Workspace
    platform: Platform
    writer: Writer
    address: Address
    tenants: tuple[str, str]
    sources: Path
    keys: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    logs_read: dict[Path, int] = field(default_factory=dict[Path, int])

    async def manage(
        self, tenant: str, operation: str, params: Mapping[str, object]
    ) -> dict[str, object]:
        """Perform an operation as the local administrator of a tenant."""
        return await perform(operation, params, self._call(local_administrator(tenant=tenant)))

    async def command(
        self, operation: str, params: Mapping[str, object], principal: Principal
    ) -> bytes:
        """What a command prints for a principal: the operation's JSON.

        Raises:
            BefitError: as the operation raises it.
        """
        return await perform_json(operation, params, self._call(principal))

    async def http(self, reader: Reader, method: str, path: str, body: bytes = b"") -> Reply:
        """What the gateway answers to a reader."""
        key = self.keys[reader.tenant, reader.name]
        return await send(self.address, method, path, key=key, body=body)

    def new_logs(self) -> bytes:
        """What the processes have logged since the last look."""
        told: list[bytes] = []
        for path in sorted(self.workspace.logs_dir.iterdir()):
            with path.open("rb") as file:
                file.seek(self.logs_read.get(path, 0))
                told.append(file.read())
                self.logs_read[path] = file.tell()
        return b"\n".join(told)

    async def settle_people(self) -> tuple[Reader, ...]:
        """Add the readers, an administrator and the groups, all without members."""
        for tenant in self.tenants:
            for group in GROUPS:
                await self.manage(tenant, "groups.add", {"name": group})
        names = (*READERS, ADMINISTRATOR)
        return tuple([await self._added(tenant, name) for tenant in self.tenants for name in names])

    async def _added(self, tenant: str, name: str) -> Reader:
        is_admin = name == ADMINISTRATOR
        roles = ["user", "admin"] if is_admin else ["user"]
        person = await self.manage(tenant, "people.add", {"name": name, "roles": roles})
        key = {"name": f"{name}-key", "person": name, "roles": roles}
        made = await self.manage(tenant, "keys.create", key)
        self.keys[tenant, name] = str(made["key"])
        return Reader(tenant=tenant, name=name, id=str(person["id"]), is_admin=is_admin)

    def _call(self, principal: Principal) -> OperationCall:
        return OperationCall(platform=self.platform, principal=principal, progress=silent)


@asynccontextmanager
async def opened_stage(workspace: Workspace | None, chance: random.Random) -> AsyncGenerator[Stage]:
    """Open everything; leaving it stops it and removes the folder.

    Args:
        workspace: whose rules are tested; None: those that a new workspace has.

    Raises:
        WeightsMissing: naming the `befit pull` that brings them.
        WorkspaceError: a file of the workspace is wrong.
    """
    located(MINILM)  # what is missing is said before anything is made
    async with Writer(chance) as writer:
        with scratch_workspace(workspace, writer.url) as scratch:
            async with _running(scratch, writer) as stage:
                yield stage


@asynccontextmanager
async def _running(scratch: Workspace, writer: Writer) -> AsyncGenerator[Stage]:
    scratch.prepare()
    boot_key = secrets.token_bytes(32)
    settings = ModelProcessSettings(
        socket=scratch.socket_path("models"),
        log=scratch.logs_dir / "models.log",
        artefacts=scratch.artefacts_dir,
        embedders=(MINILM,),
    )
    with WorkspaceLock(scratch), _logging_to(scratch.logs_dir / "gateway.log"):
        async with (
            ModelProcess(settings, boot_key=boot_key),
            Platform.opened(scratch, boot_key=boot_key, models_socket=settings.socket) as platform,
            served(platform) as address,
        ):
            yield Stage(
                workspace=scratch,
                platform=platform,
                writer=writer,
                address=address,
                tenants=tenants_of(scratch),
                sources=scratch.root / "sources",
            )


@contextmanager
def _logging_to(path: Path) -> Generator[None]:
    """Log into the workspace, and more than a server does: logs are looked into as well."""
    logger = logging.getLogger("befit")
    handler = logging.FileHandler(path)
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield
    finally:
        logger.level, logger.propagate = before
        logger.removeHandler(handler)
        handler.close()
