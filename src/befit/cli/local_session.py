"""`local_session`: the platform opened in the command's own process."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from befit.catalog import Workspace
from befit.cli.session import Document
from befit.cli.standpoint import Standpoint
from befit.gateway.operations import OperationCall, local_principal, perform
from befit.identity import Principal
from befit.inference.embedded import ModelProcess, ModelProcessSettings
from befit.platform import Platform
from befit.vocabulary import Progress, silent

_CALL_MODELS = frozenset(
    {
        "ask",
        "route",
        "run",
        "train",
        "predict",
        "evaluate",
        "models.add",
        "knowledge.search",
        "knowledge.search_file",
        "knowledge.rebuild",
        "ingest",
    }
)


class LocalSession:
    """Operations performed here; the workspace's lock is held by the caller."""

    def __init__(
        self, platform: Platform, principal: Principal, models: ModelProcess, stack: AsyncExitStack
    ) -> None:
        self._platform = platform
        self._principal = principal
        self._models = models
        self._stack = stack

    async def call(
        self, operation: str, params: Mapping[str, object], progress: Progress = silent
    ) -> Document:
        """Perform one operation, with the model process beside it where it may call models."""
        if self._may_need_models(operation, params) and self._models.pid is None:
            await self._stack.enter_async_context(self._models)
        call = OperationCall(platform=self._platform, principal=self._principal, progress=progress)
        return await perform(operation, params, call)

    def _may_need_models(self, operation: str, params: Mapping[str, object]) -> bool:
        cards = self._platform.catalog.current.cards.values()
        is_embedded = any(card.is_in_process for card in cards) or params.get("via") == "embedded"
        return operation in _CALL_MODELS and is_embedded


@asynccontextmanager
async def local_session(workspace: Workspace, stands: Standpoint) -> AsyncGenerator[LocalSession]:
    """A session in this process. Leaving it closes decisions first, then the models.

    Raises:
        WorkspaceError: a file of the workspace is missing or wrong.
        InvalidRequest: there is no such tenant.
    """
    boot_key = secrets.token_bytes(32)
    # Nothing is loaded ahead: one question needs one model, and a call loads what it names.
    settings = ModelProcessSettings(
        socket=workspace.socket_path("models"),
        log=workspace.logs_dir / "models.log",
        artefacts=workspace.artefacts_dir,
    )
    models = ModelProcess(settings, boot_key=boot_key)
    async with (
        AsyncExitStack() as stack,
        Platform.opened(workspace, boot_key=boot_key, models_socket=settings.socket) as platform,
    ):
        principal = local_principal(platform, stands.tenant, stands.acting_as)
        yield LocalSession(platform, principal, models, stack)
