"""`WorkspaceEdit`: changes to `befit.yaml` and `workflows/` that keep what the user wrote.

edit = WorkspaceEdit(workspace)
edit.add_workflow(workflow)
edit.put_card(card)
edit.put_first_model("triage", card.name)
edit.commit()          # all of it is checked, then each file is replaced at once
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

from befit.catalog.activation import ItemKind
from befit.catalog.card import ModelCard
from befit.catalog.catalog import Catalog
from befit.catalog.document import read_document
from befit.catalog.entry import name_fault
from befit.catalog.files import CONFIG, read_files, workflow_file_name
from befit.catalog.load import read_catalog
from befit.catalog.model_entry import ModelEntry, entry_of_card
from befit.catalog.problem import KeyPath, Problem, problems_as_error
from befit.catalog.stage import Stage
from befit.catalog.validation import validated
from befit.catalog.workflow import Workflow
from befit.catalog.workflow_file import entry_of_workflow
from befit.catalog.workspace import Workspace
from befit.catalog.yaml_edit import set_value, to_block
from befit.catalog.yaml_tree import YamlFault, decode_text
from befit.errors import Conflict, InvalidRequest, NotFound, WorkspaceError, nearest
from befit.vocabulary import DataClass


class WorkspaceEdit:
    """Collects changes as text, checks them together, and only then writes.

    Every method raises `WorkspaceError` where a file cannot be changed without losing
    something of it; the files are untouched until `commit` has found nothing wrong.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._before = read_files(workspace)
        self._after = self._before
        self._is_alone = False

    @classmethod
    @contextmanager
    def alone(cls, workspace: Workspace) -> Generator[WorkspaceEdit]:
        """An edit that keeps every other out, of the files as they are once nobody else does.

        For what is decided on the files' content before it is written. Blocks while it waits
        for another process; what waits within one process takes turns before it comes here.

        Raises:
            WorkspaceError: the workspace's folder cannot be locked.
        """
        with _alone(workspace.root):
            edit = cls(workspace)
            edit._is_alone = True
            try:
                yield edit
            finally:
                edit._is_alone = False

    def put_card(self, card: ModelCard) -> None:
        """Add a card to `befit.yaml`, or change what differs of the one of that name.

        Raises:
            InvalidRequest: the name cannot name a model.
            WorkspaceError: `befit.yaml` is broken or cannot be changed in place.
        """
        _check_name(card.name)
        text = self._text(CONFIG)
        at = ("models", card.name)
        current = self._card_entry(card.name)
        wanted = entry_of_card(card)
        if current is None:
            self._set(CONFIG, set_value(text, at, wanted))
            return
        standing = entry_of_card(current.card(card.name))
        for key in dict.fromkeys((*standing, *wanted)):
            value = wanted[key] if key in wanted else _default(key)
            if standing.get(key) != wanted.get(key):
                text = set_value(text, (*at, key), value)
        self._set(CONFIG, text)

    def add_workflow(self, workflow: Workflow) -> None:
        """Add `workflows/NAME.yaml` for a workflow; its version is ignored.

        Raises:
            InvalidRequest: the name cannot name a workflow.
            Conflict: there is one of that name.
        """
        _check_name(workflow.name)
        file = workflow_file_name(workflow.name)
        if file in self._after.texts:
            raise Conflict(f"{file} exists", next_step="edit it, or take another name")
        self._set(file, to_block(entry_of_workflow(workflow)))

    def put_first_model(self, workflow: str, model: str, *, rest: tuple[str, ...] = ()) -> None:
        """Make a model the first of a workflow's order of escalation.

        Args:
            workflow: its name.
            model: moved to the front where it stands in the order already.
            rest: what follows where the workflow has no order yet.

        Raises:
            NotFound: no such workflow.
            WorkspaceError: its file is broken or cannot be changed in place.
        """
        file = workflow_file_name(workflow)
        if file not in self._after.texts:
            known = [name for name, _, _ in self._after.workflow_files()]
            raise NotFound(f"no workflow {workflow!r}", next_step=nearest(workflow, known))
        text = self._text(file)
        document = read_document(text.encode(), file=file)
        if document.value is None:
            raise problems_as_error(document.problems)
        escalation = document.value.get("escalation")
        order = _order(cast("dict[str, Any]", escalation) if isinstance(escalation, dict) else {})
        wanted = [model, *(name for name in order or rest if name != model)]
        if wanted != order:
            self._set(file, set_value(text, ("escalation", "models"), wanted))

    def put_stage(self, kind: ItemKind, name: str, stage: Stage) -> None:
        """Write the stage of a model or a workflow where its file says another.

        Raises:
            NotFound: there is none of that name.
            WorkspaceError: its file is broken or cannot be changed in place.
        """
        is_model = kind is ItemKind.MODEL
        file, at = (CONFIG, ("models", name)) if is_model else (workflow_file_name(name), ())
        said = self._said(file, at) if file in self._after.texts else None
        if said is None:
            raise NotFound(f"no {kind} {name!r}")
        if said.get("stage", Stage.APPROVED) != stage:
            self._set(file, set_value(self._text(file), (*at, "stage"), stage.value))

    def put_undeclared_class(self, data_class: DataClass) -> None:
        """Change the class of requests that declare none.

        Raises:
            WorkspaceError: `befit.yaml` is broken or cannot be changed in place.
        """
        text = self._text(CONFIG)
        self._set(CONFIG, set_value(text, ("undeclared_class",), data_class.word))

    def preview(self) -> Catalog:
        """The catalog as the files would declare it.

        Raises:
            WorkspaceError: they would have a problem, whoever made it.
        """
        reading = read_catalog(self._after)
        if reading.catalog is None:
            raise problems_as_error(reading.problems)
        return reading.catalog

    def check(self) -> None:
        """Find what the changes would make wrong, without writing them.

        Raises:
            WorkspaceError: the changes would make a problem.
        """
        # What was wrong before is not this change's fault, and does not forbid it.
        known = {_kind(problem) for problem in read_catalog(self._before).problems}
        made = read_catalog(self._after).problems
        new = tuple(problem for problem in made if _kind(problem) not in known)
        if new:
            raise problems_as_error(new)

    def commit(self) -> tuple[Path, ...]:
        """Check the workspace with all changes, then replace each changed file at once.

        Returns:
            The files that were written; `befit.yaml` before those that refer to it.

        Raises:
            WorkspaceError: the changes would make a problem, or a file cannot be written.
            Conflict: a file has been changed by someone else in the meantime.
        """
        self.check()
        changed = [
            name for name, text in self._after.texts.items() if self._before.texts.get(name) != text
        ]
        changed.sort(key=lambda name: name != CONFIG)
        written = tuple(self._workspace.root / name for name in changed)
        with nullcontext() if self._is_alone else _alone(self._workspace.root):
            now = read_files(self._workspace)
            for name in changed:
                if now.texts.get(name) != self._before.texts.get(name):
                    raise Conflict(f"{name} has just been changed", next_step="try again")
            for name, path in zip(changed, written, strict=True):
                replace_file(path, self._after.texts[name])
        self._before = self._after
        return written

    def _text(self, file: str) -> str:
        raw = self._after.texts.get(file)
        if raw is None:
            raise problems_as_error(self._before.problems)
        try:
            return decode_text(raw)
        except YamlFault as fault:
            raise WorkspaceError(f"{fault.what} in {file}") from None

    def _set(self, file: str, text: str) -> None:
        self._after = self._after.with_text(file, text.encode())

    def _said(self, file: str, at: tuple[str, ...]) -> dict[str, object] | None:
        """The mapping at a place of a file, or None where there is none."""
        document = read_document(self._text(file).encode(), file=file)
        if document.value is None:
            raise problems_as_error(document.problems)
        value: dict[str, object] = document.value
        for step in at:
            inner = value.get(step)
            if not isinstance(inner, dict):
                return None
            value = cast("dict[str, object]", inner)
        return value

    def _card_entry(self, name: str) -> ModelEntry | None:
        value = self._said(CONFIG, ("models", name))
        if value is None:
            return None
        document = read_document(self._text(CONFIG).encode(), file=CONFIG)
        entry, problems = validated(ModelEntry, value, document, at=("models", name))
        if entry is None:
            raise problems_as_error(problems)
        return entry


def replace_file(path: Path, content: bytes) -> None:
    """Put new content in a file's place at once: a crash leaves the old or the new one.

    A link stays a link, and the file keeps its mode.

    Raises:
        WorkspaceError: it cannot be written; the old file stands.
    """
    path = path.resolve()
    temporary: Path | None = None
    try:
        path.parent.mkdir(exist_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise WorkspaceError(f"{path} cannot be written: {error.strerror}") from None


@contextmanager
def _alone(root: Path) -> Generator[None]:
    """Keep every other edit of the workspace out, this process's and others'.

    The lock is the folder's own: it is there before `.befit/` is, and the kernel drops it
    when the process ends.
    """
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise WorkspaceError(f"{root} cannot be read: {error.strerror}") from None
    try:
        _wait_for_lock(descriptor, root)
        yield
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, root: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        raise WorkspaceError(f"{root} cannot be locked: {error.strerror}") from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_name(name: str) -> None:
    fault = name_fault(name)
    if fault:
        raise InvalidRequest(f"{name!r} cannot be a name", next_step=fault)


def _kind(problem: Problem) -> tuple[str, str, KeyPath]:
    return problem.what, problem.file, problem.path


def _default(key: str) -> object:
    """What a key that the new card does not have says as if it were not there."""
    value = ModelEntry.model_fields[key].get_default()
    if isinstance(value, tuple):
        return list(cast("tuple[object, ...]", value))
    return value.model_dump() if isinstance(value, BaseModel) else value and str(value)


def _order(escalation: dict[str, Any]) -> list[str]:
    models = escalation.get("models")
    return [str(name) for name in cast("list[object]", models)] if isinstance(models, list) else []
