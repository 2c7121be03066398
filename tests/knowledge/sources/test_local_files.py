"""Folders are listed whole and safely; nothing outside of them can be had through them."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.errors import InvalidRequest
from befit.knowledge.sources import (
    Item,
    Skipped,
    Source,
    SourceFailed,
    SourceOptions,
    open_source,
)


def items_of(source: Source) -> dict[str, Item]:
    return {found.doc_id: found for found in source.items() if isinstance(found, Item)}


def skipped_of(source: Source) -> dict[str, Skipped]:
    return {found.what: found for found in source.items() if isinstance(found, Skipped)}


def content_of(source: Source, item: Item) -> bytes:
    fetched = source.fetch(item)
    assert fetched.file is not None
    assert fetched.is_temporary
    assert fetched.file.stat().st_mode & 0o077 == 0
    content = fetched.file.read_bytes()
    fetched.file.unlink()
    return content


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "handbook"
    (root / "hr" / "leave").mkdir(parents=True)
    (root / "welcome.md").write_text("Welcome.")
    (root / "hr" / "pay.txt").write_text("Pay day is the 25th.")
    (root / "hr" / "leave" / "parental.html").write_text("<p>Weeks</p>")
    return root


def test_files_of_all_folders_come_in_a_fixed_order_with_what_is_known_of_them(
    folder: Path,
) -> None:
    source = open_source(str(folder))
    assert source.name == f"file:{folder}"
    items = list(items_of(source).values())
    assert [item.doc_id for item in items] == [
        "welcome.md",
        "hr/pay.txt",
        "hr/leave/parental.html",
    ]
    pay = items[1]
    status = (folder / "hr/pay.txt").stat()
    assert pay.path == "hr/pay.txt"
    assert pay.uri == (folder / "hr/pay.txt").as_uri()
    assert pay.size_bytes == status.st_size
    assert pay.dated_s == int(status.st_mtime)
    assert pay.acl is None
    assert not pay.is_acl_unknown
    assert content_of(source, pay) == b"Pay day is the 25th."


def test_one_file_is_a_source_of_one_document(folder: Path) -> None:
    source = open_source(str(folder / "hr" / "pay.txt"))
    assert source.name == f"file:{folder}/hr/pay.txt"
    assert list(items_of(source)) == ["pay.txt"]
    assert content_of(source, items_of(source)["pay.txt"]) == b"Pay day is the 25th."


def test_a_file_address_may_be_a_url(folder: Path) -> None:
    (folder / "two words").mkdir()
    source = open_source((folder / "two words").as_uri())
    assert source.name == f"file:{folder}/two words"
    with pytest.raises(InvalidRequest, match="another machine"):
        open_source("file://srv/handbook")


def test_the_token_changes_with_the_content_and_only_then(folder: Path) -> None:
    source = open_source(str(folder))
    before = {key: item.change_token for key, item in items_of(source).items()}
    assert {key: item.change_token for key, item in items_of(source).items()} == before
    (folder / "welcome.md").write_text("Welcome!")
    after = {key: item.change_token for key, item in items_of(source).items()}
    assert [key for key in after if after[key] != before[key]] == ["welcome.md"]


def test_hidden_names_are_skipped_but_may_be_named(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("x")
    (folder / "hr" / ".draft.md").write_text("x")
    skipped = skipped_of(open_source(str(folder)))
    assert set(skipped) == {".git", "hr/.draft.md"}
    assert all("hidden" in each.reason for each in skipped.values())
    assert list(items_of(open_source(str(folder / "hr" / ".draft.md")))) == [".draft.md"]


def test_links_are_never_followed(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (folder / "out.txt").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    (folder / "loop").symlink_to(folder)
    (folder / "within.txt").symlink_to(folder / "hr" / "pay.txt")
    (folder / "nowhere").symlink_to(folder / "nowhere")
    source = open_source(str(folder))
    assert set(items_of(source)) == {"welcome.md", "hr/pay.txt", "hr/leave/parental.html"}
    reasons = {what: each.reason for what, each in skipped_of(source).items()}
    assert reasons["out.txt"] == reasons["up"] == "a link that leads out of the folder"
    assert reasons["within.txt"].startswith("a link; what it leads to is taken in")
    assert "link" in reasons["loop"]
    assert "link" in reasons["nowhere"]


def test_a_root_that_is_a_link_is_read_where_it_leads(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "short").symlink_to(folder)
    source = open_source(str(tmp_path / "short"))
    assert source.name == f"file:{folder}"
    assert len(items_of(source)) == 3


def test_what_is_no_regular_file_is_never_opened(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
        reasons = {what: each.reason for what, each in skipped_of(open_source(str(folder))).items()}
    assert set(reasons) == {"pipe", "socket"}
    assert set(reasons.values()) == {"no regular file, so it is not opened"}
    with pytest.raises(InvalidRequest, match="neither a folder nor a regular file"):
        open_source(str(folder / "pipe"))
    with pytest.raises(InvalidRequest, match="neither a folder nor a regular file"):
        open_source("/dev/null")


@pytest.mark.parametrize("swapped", ["link", "folder of the way", "pipe"])
def test_a_file_swapped_after_the_listing_gives_nothing_away(
    folder: Path, tmp_path: Path, swapped: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "pay.txt").write_text("secret")
    source = open_source(str(folder))
    item = items_of(source)["hr/pay.txt"]
    if swapped == "folder of the way":
        shutil.rmtree(folder / "hr")
        (folder / "hr").symlink_to(tmp_path / "elsewhere")
    else:
        (folder / "hr" / "pay.txt").unlink()
        if swapped == "link":
            (folder / "hr" / "pay.txt").symlink_to(tmp_path / "elsewhere" / "pay.txt")
        else:
            os.mkfifo(folder / "hr" / "pay.txt")
    with pytest.raises(SourceFailed) as failed:
        source.fetch(item)
    assert not failed.value.retry


@pytest.mark.parametrize("doc_id", ["../secret.txt", "hr/../../secret.txt", "/etc/passwd", ".", ""])
def test_no_name_leads_out_of_the_folder(folder: Path, tmp_path: Path, doc_id: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    with pytest.raises(SourceFailed, match="no path below"):
        open_source(str(folder)).fetch(Item(doc_id=doc_id, uri="", path=doc_id))


def test_a_fetched_file_stays_as_it_was_and_waits_where_it_should(
    folder: Path, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    source = open_source(str(folder), SourceOptions(scratch_dir=scratch))
    fetched = source.fetch(items_of(source)["welcome.md"])
    (folder / "welcome.md").write_text("changed")
    assert fetched.name == "welcome.md"
    assert fetched.file is not None
    assert fetched.file.parent == scratch
    assert fetched.file.read_text() == "Welcome."


def test_larger_files_than_allowed_are_skipped_and_one_that_grew_leaves_nothing_behind(
    folder: Path, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    source = open_source(str(folder), SourceOptions(scratch_dir=scratch, most_bytes=12))
    assert set(items_of(source)) == {"welcome.md", "hr/leave/parental.html"}
    assert skipped_of(source)["hr/pay.txt"].reason == "larger than 12 bytes"
    item = items_of(source)["welcome.md"]
    (folder / "welcome.md").write_text("Welcome to all of you.")
    with pytest.raises(SourceFailed, match="larger than 12 bytes"):
        source.fetch(item)
    assert list(scratch.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_is_unknown_not_empty(folder: Path) -> None:
    (folder / "hr").chmod(0)
    try:
        skipped = skipped_of(open_source(str(folder)))
    finally:
        (folder / "hr").chmod(0o700)
    assert skipped["hr"].below == "hr/"


def test_a_folder_closed_to_us_is_unknown_not_empty(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refused(path: str, flags: int, *args: int, dir_fd: int | None = None) -> int:
        if path == "leave":
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, *args, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refused)
    source = open_source(str(folder))
    found = list(source.items())
    assert (
        Skipped(what="hr/leave", reason="a folder that may not be listed", below="hr/leave/")
        in found
    )
    assert sum(isinstance(each, Item) for each in found) == 2


@pytest.mark.parametrize("how", ["removed", "replaced", "emptied first"])
def test_a_folder_that_vanishes_while_it_is_read_failed_rather_than_ended(
    folder: Path, how: str
) -> None:
    listing = open_source(str(folder)).items()
    assert isinstance(next(listing), Item)
    if how == "emptied first":
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    shutil.rmtree(folder)
    if how == "replaced":
        folder.mkdir()
    with pytest.raises(SourceFailed) as failed:
        list(listing)
    assert failed.value.code == "source_failed"
    assert failed.value.retry


def test_a_source_opened_before_its_folder_was_unmounted_fails(folder: Path) -> None:
    source = open_source(str(folder))
    shutil.rmtree(folder)
    with pytest.raises(SourceFailed):
        list(source.items())


def test_a_subfolder_removed_while_it_is_read_is_no_failure(folder: Path) -> None:
    listing = open_source(str(folder)).items()
    next(listing)
    shutil.rmtree(folder / "hr")
    assert [each for each in listing if isinstance(each, Item)] == []


def test_deep_folders_end_somewhere(tmp_path: Path) -> None:
    at = tmp_path
    for _ in range(103):
        at = at / "d"
        at.mkdir()
    (at / "bottom.txt").write_text("x")
    source = open_source(str(tmp_path))
    assert items_of(source) == {}
    (skipped,) = skipped_of(source).values()
    assert skipped.reason == "more than 100 folders deep"


def test_a_path_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    for address in (str(tmp_path / "missing"), "a\0b"):
        with pytest.raises(InvalidRequest, match="check the path"):
            open_source(address)


def test_a_folder_whose_own_name_could_forge_a_line_is_refused(tmp_path: Path) -> None:
    for name in ("a\nb", os.fsdecode(b"\xff")):
        (tmp_path / name).mkdir()
        with pytest.raises(InvalidRequest, match="its name") as refused:
            open_source(str(tmp_path / name))
        str(refused.value).encode()


# Names as a file system takes them: any bytes but `/` and NUL.
_NAMES = st.one_of(
    st.binary(min_size=1, max_size=40).map(os.fsdecode),
    st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=60),
    st.sampled_from(["..x", "...", "a\nb", "\udcff.txt", "x" * 255, "-rf", "%2e%2e", "a\u2028b"]),
).filter(lambda name: name not in {".", ".."} and not set("/\0") & set(name))


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
@settings(max_examples=60, deadline=None)
@given(names=st.lists(_NAMES, min_size=1, max_size=8, unique=True))
def test_whatever_files_are_called_each_is_taken_or_told(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as held:
        root = Path(held)
        made = set[str]()
        for name in names:
            if len(os.fsencode(name)) <= 255:
                (root / name).write_bytes(os.fsencode(name))
                made.add(name)
        source = open_source(held)
        found = list(source.items())
        items = [each for each in found if isinstance(each, Item)]
        assert len(found) == len(made)
        assert {item.doc_id for item in items} <= made
        for item in items:
            item.doc_id.encode()
            assert item.doc_id.isprintable() or "\n" not in item.doc_id
            assert content_of(source, item) == os.fsencode(item.doc_id)
        for each in found:
            line = each.what if isinstance(each, Skipped) else each.uri
            line.encode()
            assert len(line.splitlines()) <= 1
