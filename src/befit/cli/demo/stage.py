"""`Stage`: the company's workspace, open, with its real model process beside it.

    async with opened_stage(plan) as stage:
        asked = await stage.ask(Question(text="..", workflow="tickets"))
        asked.account.checks

Everything goes through the product's own doors: `Orchestrator.handle` for a request, the
named operations for training and measuring. Nothing is left behind but the folder that the
user asked to keep.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from befit.catalog import ModelCard, Workspace, WorkspaceLock, problems_as_error
from befit.cli.demo.account import Account, account_of
from befit.cli.demo.company import found_company
from befit.cli.demo.material import Material
from befit.gateway.operations import OperationCall, perform
from befit.identity import Principal, local_administrator
from befit.inference.embedded import ModelProcess, ModelProcessSettings
from befit.inference.embedded.weights import MINILM, SMOLLM2, located
from befit.knowledge.search import Citation
from befit.messages import ChatRequest
from befit.orchestrator import Answer, Arrival, Source
from befit.platform import Platform
from befit.vocabulary import DataClass, Progress, silent


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoPlan:
    """How the demo is played.

    Attributes:
        tickets: how many held-out tickets are measured on.
        large: the card of the user's large model; None measures none.
        keep: a new folder for the workspace; None deletes it at the end.
    """

    tickets: int = 200
    large: ModelCard | None = None
    keep: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One request to a workflow, or to a collection of documents.

    Attributes:
        workflow: empty leaves it to the collection.
        reader: `USER[:GROUP,..]` who asks; None is who owns the workspace.
        data_class: what its sender declares; None declares nothing.
        most_tokens: the longest answer that is wanted; None leaves it to the model.
    """

    text: str
    workflow: str = ""
    collection: str | None = None
    reader: str | None = None
    data_class: DataClass | None = None
    most_tokens: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A request's account, and the answer where one was released.

    Attributes:
        found: whether the documents say; None where none were asked.
    """

    account: Account
    output: str | None
    found: bool | None = None
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """What the scenes are played on.

    Attributes:
        decisions: the id of every decision so far, in order.
    """

    plan: DemoPlan
    material: Material
    workspace: Workspace
    platform: Platform
    models: ModelProcess
    principal: Principal
    decisions: list[str] = field(default_factory=list[str])

    async def ask(self, question: Question) -> Asked:
        """Put one request through the whole staircase."""
        reader = question.reader
        caller = self.principal if reader is None else local_administrator(acting_as=reader)
        arrival = Arrival(caller=caller, request=_request(question), source=Source.CLI)
        answer = await self.platform.orchestrator.handle(arrival)
        if not isinstance(answer, Answer):
            raise TypeError("a request that asks for no stream was answered by one")
        decision_id = answer.standing.decision_id
        self.decisions.append(decision_id)
        grounds = answer.standing.grounds
        return Asked(
            account=await account_of(self.platform, decision_id),
            output=answer.output,
            found=grounds.found if grounds else None,
            citations=tuple(each.citation for each in grounds.cited) if grounds else (),
        )

    async def perform(
        self, operation: str, params: Mapping[str, object], progress: Progress = silent
    ) -> dict[str, object]:
        """Perform one of the operations behind Befit's commands."""
        call = OperationCall(platform=self.platform, principal=self.principal, progress=progress)
        document = await perform(operation, params, call)
        decision_id = document.get("decision_id")
        if isinstance(decision_id, str) and decision_id not in self.decisions:
            self.decisions.append(decision_id)
        return document

    async def reload(self) -> None:
        """Put changed files in force, as a running server does by itself.

        Raises:
            WorkspaceError: a file has a problem.
        """
        reload = await self.platform.shelf.reload()
        if reload.problems:
            raise problems_as_error(reload.problems)


@asynccontextmanager
async def opened_stage(plan: DemoPlan) -> AsyncGenerator[Stage]:
    """Found the company, start the models, open the platform; undo all of it at the end.

    Raises:
        WeightsMissing: naming the `befit pull` that brings them.
        Conflict: the folder to keep is not empty.
    """
    for weights in (SMOLLM2, MINILM):  # what is missing is said before anything is made
        located(weights)
    material = Material.read(held_out=plan.tickets)
    with _folder(plan.keep) as folder:
        workspace = found_company(folder, material, plan.large)
        boot_key = secrets.token_bytes(32)
        settings = ModelProcessSettings(
            socket=workspace.run_dir / "models.sock",
            log=workspace.logs_dir / "models.log",
            artefacts=workspace.artefacts_dir,
            generators=(SMOLLM2,),
            embedders=(MINILM,),
        )
        with WorkspaceLock(workspace), _logging_to(workspace.logs_dir / "demo.log"):
            async with (
                ModelProcess(settings, boot_key=boot_key) as models,
                Platform.opened(
                    workspace, boot_key=boot_key, models_socket=settings.socket
                ) as platform,
            ):
                yield Stage(
                    plan=plan,
                    material=material,
                    workspace=workspace,
                    platform=platform,
                    models=models,
                    principal=local_administrator(),
                )


@contextmanager
def _folder(keep: Path | None) -> Generator[Path]:
    if keep is not None:
        yield keep
        return
    folder = Path(tempfile.mkdtemp(prefix="befit-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _logging_to(path: Path) -> Generator[None]:
    """Keep what the rooms log, such as the crash that a scene causes, out of the play."""
    logger = logging.getLogger("befit")
    handler = logging.FileHandler(path, delay=True)
    propagates = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = propagates
        logger.removeHandler(handler)
        handler.close()


def _request(question: Question) -> ChatRequest:
    """The request as an OpenAI client would send it."""
    body: dict[str, object] = {
        "model": f"workflow:{question.workflow}" if question.workflow else "auto",
        "messages": [{"role": "user", "content": question.text}],
    }
    if question.most_tokens is not None:
        body["max_tokens"] = question.most_tokens
    said = {
        "collection": question.collection,
        "data_class": question.data_class.word if question.data_class is not None else None,
    }
    if any(said.values()):
        body["befit"] = {name: value for name, value in said.items() if value is not None}
    return ChatRequest.from_json(msgspec.json.encode(body))
