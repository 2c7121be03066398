"""Files of other machines, over fsspec's own file systems in memory and on this disk."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from befit.errors import InvalidRequest
from befit.knowledge.sources import Item, Skipped, SourceFailed, SourceOptions, open_source
from befit.knowledge.sources.installed import CheckedSource
from befit.knowledge.sources.remote_files import RemoteFiles


def items_of(source: Any) -> list[Item]:
    return [found for found in source.items() if isinstance(found, Item)]


def opened(system: Any, root: str, options: SourceOptions | None = None) -> CheckedSource:
    address = "sftp://files.example/handbook"
    files = RemoteFiles(address, lambda: (system, root), options or SourceOptions())
    return CheckedSource(files, "sftp")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "handbook"
    (root / "hr" / "leave").mkdir(parents=True)
    (root / "welcome.md").write_text("Welcome.")
    (root / "hr" / "pay day.txt").write_text("Pay day is the 25th.")
    (root / "hr" / "leave" / "parental.txt").write_text("Weeks")
    return root


def test_files_come_by_their_path_with_what_the_server_says(folder: Path) -> None:
    source = opened(LocalFileSystem(), str(folder))
    assert source.name == "sftp://files.example/handbook"
    items = items_of(source)
    assert [item.doc_id for item in items] == [
        "welcome.md",
        "hr/pay day.txt",
        "hr/leave/parental.txt",
    ]
    assert items[1].uri == "sftp://files.example/handbook/hr/pay%20day.txt"
    assert items[1].size_bytes == 20
    assert items[1].dated_s == int((folder / "hr" / "pay day.txt").stat().st_mtime)
    fetched = source.fetch(items[1])
    assert fetched.file is not None
    assert (fetched.name, fetched.file.read_text()) == ("pay day.txt", "Pay day is the 25th.")
    fetched.file.unlink()
    (folder / "welcome.md").write_text("Welcome!!")
    after = items_of(source)
    assert after[0].change_token != items[0].change_token
    assert after[1].change_token == items[1].change_token


def test_hidden_linked_and_large_files_are_skipped(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / "out").symlink_to("/etc")
    (folder / "a\nb").write_text("x")
    source = opened(LocalFileSystem(), str(folder), SourceOptions(most_bytes=19))
    reasons = {each.what: each.reason for each in source.items() if isinstance(each, Skipped)}
    assert reasons == {
        ".git": "hidden: its name begins with a dot",
        "out": "a link or no regular file, so it is not opened",
        "a\\nb": "its name holds line breaks or control characters",
        "hr/pay day.txt": "larger than 19 bytes",
    }


def test_one_file_is_a_source_of_one_document() -> None:
    system = MemoryFileSystem(skip_instance_cache=True)
    system.store = {}
    system.pipe("/handbook/pay.txt", b"25th")
    source = opened(system, "/handbook/pay.txt")
    (item,) = items_of(source)
    assert item.doc_id == "pay.txt"


def test_a_folder_that_may_not_be_listed_is_unknown_not_empty(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = LocalFileSystem()
    listed = system.ls

    def refused(path: str, detail: bool = True) -> Any:
        if path.endswith("/leave"):
            raise PermissionError(path)
        return listed(path, detail=detail)

    monkeypatch.setattr(system, "ls", refused)
    (skipped,) = (each for each in opened(system, str(folder)).items() if isinstance(each, Skipped))
    assert skipped.below == "hr/leave/"


@pytest.mark.parametrize("how", ["before", "between"])
def test_a_folder_that_vanishes_failed_rather_than_ended(folder: Path, how: str) -> None:
    listing = opened(LocalFileSystem(), str(folder)).items()
    if how == "between":
        next(listing)
    shutil.rmtree(folder)
    with pytest.raises(SourceFailed) as failed:
        list(listing)
    assert failed.value.retry


def test_a_server_that_fails_is_told_without_its_words(folder: Path) -> None:
    def refused() -> Any:
        raise ConnectionError("password=hunter2")

    source = CheckedSource(RemoteFiles("sftp://a", refused, SourceOptions()), "sftp")
    with pytest.raises(SourceFailed, match="ConnectionError") as failed:
        list(source.items())
    assert "hunter2" not in str(failed.value)


@pytest.mark.parametrize("address", ["sftp://a:hunter2@host/x", "smb://", "hdfs:///x"])
def test_an_address_holds_a_host_and_no_password(address: str) -> None:
    with pytest.raises(InvalidRequest, match="is written like") as refused:
        open_source(address)
    assert "hunter2" not in str(refused.value)


@pytest.mark.skipif(find_spec("paramiko") is not None, reason="its package is installed")
def test_a_protocol_whose_package_is_missing_names_it() -> None:
    with pytest.raises(InvalidRequest, match="paramiko"):
        open_source("sftp://host/folder")


def test_one_run_has_one_connection_and_a_broken_one_is_replaced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[LocalFileSystem] = []

    def connect() -> Any:
        connected.append(LocalFileSystem(skip_instance_cache=True))
        return connected[-1], str(folder)

    source = CheckedSource(RemoteFiles("sftp://a", connect, SourceOptions()), "sftp")
    items = items_of(source)
    for item in items:
        taken = source.fetch(item).file
        assert taken is not None
        taken.unlink()
    assert len(connected) == 1

    def dead(*_: object, **__: object) -> Any:
        raise EOFError

    monkeypatch.setattr(connected[0], "open", dead)
    with pytest.raises(SourceFailed):
        source.fetch(items[0])
    taken = source.fetch(items[0]).file
    assert taken is not None
    taken.unlink()
    assert len(connected) == 2
    source.close()
    items_of(source)
    assert len(connected) == 3
