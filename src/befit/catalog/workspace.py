"""`Workspace`: the folder of one installation, and where things lie in it.

workspace = Workspace.at(Path("."))     # raises where there is no befit.yaml
workspace.prepare()                     # .befit/ and its folders, owner-only
with WorkspaceLock(workspace):
    ...
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from befit.errors import WorkspaceError, WorkspaceLocked

_OWNER_ONLY = 0o700
_LONGEST_SOCKET_PATH = 103  # bytes; the least that any Unix allows, without the final NUL
_LOCK_PATIENCE_S = 0.2


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace's folder. What the user writes is at its top, what Befit writes in `.befit/`."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> Workspace:
        """The workspace in a folder.

        Raises:
            WorkspaceError: no such folder, a file, unreadable, or without `befit.yaml`.
        """
        workspace = cls(path.resolve())
        try:
            if not workspace.root.exists():
                raise WorkspaceError(f"no folder {path}", next_step=f"befit init {path}")
            if not workspace.root.is_dir():
                raise WorkspaceError(f"{path} is a file; a workspace is a folder")
            if not workspace.config_file.is_file():
                raise WorkspaceError(f"no befit.yaml in {path}", next_step=f"befit init {path}")
        except OSError as error:
            raise WorkspaceError(f"{path} cannot be read: {error.strerror}") from None
        return workspace

    @property
    def config_file(self) -> Path:
        """`befit.yaml`, which the user writes."""
        return self.root / "befit.yaml"

    @property
    def workflows_dir(self) -> Path:
        """`workflows/`, one file a workflow."""
        return self.root / "workflows"

    @property
    def policies_dir(self) -> Path:
        """The company's own rules, `*.cedar`."""
        return self.root / "policies"

    @property
    def access_file(self) -> Path:
        """`knowledge/acl.yaml`: who may read which documents."""
        return self.root / "knowledge" / "acl.yaml"

    @property
    def befit_dir(self) -> Path:
        """`.befit/`: everything that Befit writes."""
        return self.root / ".befit"

    @property
    def lock_path(self) -> Path:
        """The file whose lock the owner of the workspace holds."""
        return self.befit_dir / "lock"

    @property
    def db_path(self) -> Path:
        """The SQLite database."""
        return self.befit_dir / "befit.db"

    @property
    def ledger_dir(self) -> Path:
        """Logs and checkpoints of the ledger, nothing else."""
        return self.befit_dir / "ledger"

    @property
    def sealed_dir(self) -> Path:
        """The encrypted fields that the ledger's leaves commit to."""
        return self.befit_dir / "sealed"

    @property
    def keys_dir(self) -> Path:
        """Signing and data keys; kept apart from backups of the rest."""
        return self.befit_dir / "keys"

    @property
    def run_dir(self) -> Path:
        """Sockets of the running processes."""
        return self.befit_dir / "run"

    @property
    def logs_dir(self) -> Path:
        """Logs of the processes."""
        return self.befit_dir / "logs"

    @property
    def knowledge_dir(self) -> Path:
        """Where each tenant's search index has a folder."""
        return self.befit_dir / "knowledge"

    @property
    def artefacts_dir(self) -> Path:
        """Trained artefacts, each under the hash of its content."""
        return self.befit_dir / "artefacts"

    def socket_path(self, name: str) -> Path:
        """Where the socket of that name is.

        Raises:
            WorkspaceError: the path is longer than a Unix socket's may be.
        """
        path = self.run_dir / f"{name}.sock"
        if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
            raise WorkspaceError(
                f"the workspace's path is too long for a socket in it: {path}",
                next_step=f"move it to a path at most {_LONGEST_SOCKET_PATH} bytes long in all",
            )
        return path

    def prepare(self) -> None:
        """Make `.befit/` and its folders, for the owner only.

        Raises:
            WorkspaceError: naming the folder that cannot be made or belongs to others.
        """
        folders = (
            self.befit_dir,
            self.ledger_dir,
            self.sealed_dir,
            self.keys_dir,
            self.run_dir,
            self.logs_dir,
            self.artefacts_dir,
            self.knowledge_dir,
        )
        for folder in folders:
            try:
                folder.mkdir(mode=_OWNER_ONLY, exist_ok=True)
                if stat.S_IMODE(folder.stat().st_mode) != _OWNER_ONLY:
                    folder.chmod(_OWNER_ONLY)
            except OSError as error:
                raise WorkspaceError(
                    f"{folder} cannot be made or kept to its owner: {error.strerror}",
                    next_step="run befit as the user who owns the workspace",
                ) from None


class WorkspaceLock:
    """Owns a workspace while held: a second owner is refused, naming the first's pid and, where
    it said so, the command that it is.

    The kernel drops the lock when the process ends, however it ends, so nothing is left
    to clean up after `kill -9`. The file stays; only its lock counts.
    """

    def __init__(self, workspace: Workspace, *, command: str = "") -> None:
        """`command` is one that ends by itself, such as `befit ingest`: worth waiting for."""
        self._workspace = workspace
        self._command = command
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock and write this process's id and command beside it.

        Raises:
            WorkspaceLocked: another process holds it.
            WorkspaceError: the lock file cannot be opened or written.
        """
        if self._descriptor is not None:
            return
        self._workspace.prepare()
        descriptor = _open_lock(self._workspace.lock_path)
        if not _locked(descriptor, fcntl.LOCK_EX, patience_s=_LOCK_PATIENCE_S):
            os.close(descriptor)
            raise _held(self._workspace)
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n{self._command}\n".encode(), 0)
        except OSError as error:
            os.close(descriptor)
            raise WorkspaceError(
                f"{self._workspace.lock_path} cannot be written: {error.strerror}",
                next_step="free space on the disk, or check it",
            ) from None
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; does nothing where it is not held."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)  # closing drops the lock
            self._descriptor = None

    def __enter__(self) -> WorkspaceLock:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def is_locked(workspace: Workspace) -> bool:
    """Whether a process owns the workspace now; changes nothing."""
    try:
        if not workspace.lock_path.exists():
            return False
        # For reading only: an auditor's copy may lie on a disk that nobody can write.
        descriptor = os.open(workspace.lock_path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise WorkspaceError(f"{workspace.lock_path} cannot be opened: {error.strerror}") from None
    try:
        # A shared lock, held for an instant: two that look do not see each other.
        return not _locked(descriptor, fcntl.LOCK_SH, patience_s=0)
    finally:
        os.close(descriptor)


def owner_pid(workspace: Workspace) -> int | None:
    """The process that owns the workspace now, where its id can be read."""
    if not is_locked(workspace):
        return None
    pid, _ = _written_owner(workspace)
    return pid


def _written_owner(workspace: Workspace) -> tuple[int | None, str]:
    """The id and the command that the owner wrote; None and nothing where they cannot be read."""
    try:
        pid, _, command = workspace.lock_path.read_text().partition("\n")
        return int(pid), command.strip()
    except (OSError, ValueError):
        return None, ""


def _held(workspace: Workspace) -> WorkspaceLocked:
    pid, command = _written_owner(workspace)
    who = f"process {pid}" if pid else "another process"
    if command:
        return WorkspaceLocked(
            f"`{command}` ({who}) holds the workspace {workspace.root}",
            next_step="try again when it has ended; beside a running `befit serve` commands need "
            "not wait for each other",
        )
    return WorkspaceLocked(
        f"{who} holds the workspace {workspace.root}",
        next_step=f"stop it first: kill {pid}" if pid else "stop it first",
    )


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be opened: {error.strerror}") from None


def _locked(descriptor: int, kind: int, *, patience_s: float) -> bool:
    # Someone who only looks holds the lock for an instant, which is worth waiting for.
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        else:
            return True
