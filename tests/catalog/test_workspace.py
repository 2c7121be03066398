"""A workspace's folder and its lock, across processes and `kill -9`."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from befit.catalog import Workspace, WorkspaceLock, is_locked, owner_pid
from befit.errors import WorkspaceError, WorkspaceLocked

_HOLDER = """
import sys, time
from pathlib import Path
from befit.catalog import Workspace, WorkspaceLock
lock = WorkspaceLock(Workspace(Path(sys.argv[1])))
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


def _holder(workspace: Workspace) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(workspace.root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_folder_without_befit_yaml_says_how_to_make_one(tmp_path: Path):
    with pytest.raises(WorkspaceError, match=r"no befit.yaml in .*; befit init"):
        Workspace.at(tmp_path)
    with pytest.raises(WorkspaceError, match=r"no folder .*; befit init"):
        Workspace.at(tmp_path / "missing")


def test_a_file_is_no_workspace(tmp_path: Path):
    path = tmp_path / "file"
    path.write_text("x")
    with pytest.raises(WorkspaceError, match="a workspace is a folder"):
        Workspace.at(path)
    with pytest.raises(WorkspaceError):
        Workspace.at(path / "below")


def test_what_befit_writes_is_for_its_owner_only(write_workspace):
    workspace = write_workspace()
    before = os.umask(0)
    try:
        workspace.prepare()
        with WorkspaceLock(workspace):
            pass
    finally:
        os.umask(before)
    for path in workspace.befit_dir.rglob("*"):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path
    assert stat.S_IMODE(workspace.befit_dir.stat().st_mode) == 0o700


def test_a_folder_left_open_to_others_is_closed(write_workspace):
    workspace = write_workspace()
    workspace.befit_dir.mkdir(mode=0o755)
    workspace.prepare()
    assert stat.S_IMODE(workspace.befit_dir.stat().st_mode) == 0o700


def test_a_file_in_the_place_of_a_folder_is_named(write_workspace):
    workspace = write_workspace()
    workspace.befit_dir.write_text("")
    with pytest.raises(WorkspaceError, match=r"\.befit cannot be made"):
        workspace.prepare()


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path):
    with pytest.raises(WorkspaceError, match="too long for a socket"):
        Workspace(tmp_path / ("x" * 120)).socket_path("models")
    assert Workspace(Path("/srv/b")).socket_path("models") == Path("/srv/b/.befit/run/models.sock")


def test_a_second_owner_is_refused_and_told_the_pid(write_workspace):
    workspace = write_workspace()
    holder = _holder(workspace)
    try:
        with pytest.raises(WorkspaceLocked, match=f"process {holder.pid} holds"):
            WorkspaceLock(workspace).acquire()
        assert is_locked(workspace)
        assert owner_pid(workspace) == holder.pid
    finally:
        holder.kill()
        holder.wait()


def test_a_command_that_holds_the_workspace_is_named_and_worth_waiting_for(write_workspace):
    workspace = write_workspace()
    with WorkspaceLock(workspace, command="befit ingest"):
        assert owner_pid(workspace) == os.getpid()
        told = rf"`befit ingest` \(process {os.getpid()}\) holds .*try again when it has ended"
        with pytest.raises(WorkspaceLocked, match=told) as refused:
            WorkspaceLock(workspace).acquire()
        assert "kill" not in str(refused.value)


def test_kill_9_frees_the_workspace(write_workspace):
    workspace = write_workspace()
    holder = _holder(workspace)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert owner_pid(workspace) is None
    with WorkspaceLock(workspace):
        assert owner_pid(workspace) == os.getpid()


def test_a_lock_given_back_can_be_taken_again(write_workspace):
    workspace = write_workspace()
    assert not is_locked(workspace)
    lock = WorkspaceLock(workspace)
    with lock:
        lock.acquire()
        assert is_locked(workspace)
    lock.release()
    assert not is_locked(workspace)
    with lock:
        assert is_locked(workspace)


def test_a_child_process_does_not_keep_the_lock(write_workspace):
    workspace = write_workspace()
    with WorkspaceLock(workspace):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert not is_locked(workspace)
    finally:
        child.kill()
        child.wait()
