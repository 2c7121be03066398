"""A company's own adapter: loaded only when it is named, and trusted with nothing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from befit.errors import Conflict, InvalidRequest
from befit.knowledge.access import Acl
from befit.knowledge.sources import Item, Skipped, SourceFailed, open_source
from befit.knowledge.sources.installed import CheckedSource

_ADAPTER = '''
from befit.errors import Conflict
from befit.knowledge.access import Acl
from befit.knowledge.sources import Fetched, Item


class Shelf:
    """A document system whose directory of rights may be down."""

    def __init__(self, address):
        self.address = address
        if "broken" in address:
            raise RuntimeError("password=hunter2")

    @property
    def name(self):
        return "two\\nlines" if "forged" in self.address else self.address

    def items(self):
        everyone = Acl(groups=frozenset({"everyone"}))
        yield Item(doc_id="open", uri="shelf:open", path="open", acl=everyone)
        if "down" in self.address:
            yield Item(doc_id="closed", uri="shelf:closed", path="open/closed", is_acl_unknown=True)
        if "wrong" in self.address:
            yield Item(doc_id="dict", uri="", path="dict", acl={"groups": ["everyone"]})
            yield Item(doc_id="text", uri="", path="text", acl=Acl(groups="everyone"))
            yield Item(doc_id="class", uri="", path="class", data_class="public")
            yield Item(doc_id="a\\nb", uri="", path="x")
            yield {"doc_id": "none"}
        if "accents" in self.address:
            acl = Acl(deny_groups=frozenset({"A\\u0308rzte "}))
            yield Item(doc_id="denied", uri="", path="denied", acl=acl)
            blank = Acl(deny_groups=frozenset({"h\\u200br"}))
            yield Item(doc_id="blank", uri="", path="blank", acl=blank)
        if "dies" in self.address:
            raise KeyError("password=hunter2")
        if "conflict" in self.address:
            raise Conflict("busy")

    def fetch(self, item):
        if item.doc_id == "open":
            return Fetched(name="open.txt", text="open")
        raise KeyError("password=hunter2")


loaded = True
'''


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "shelf_adapter.py").write_text(_ADAPTER)
    facts = tmp_path / "shelf_adapter-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf-adapter\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[befit.sources]\nshelf = shelf_adapter:Shelf\nlost = no_such_module:Source\n"
        "file = shelf_adapter:Shelf\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "shelf_adapter", raising=False)
    return "shelf_adapter"


def test_an_installed_adapter_reads_the_addresses_of_its_scheme(installed: str) -> None:
    source = open_source("shelf://hr")
    assert source.name == "shelf://hr"
    (item,) = source.items()
    assert isinstance(item, Item)
    assert item.acl == Acl(groups=frozenset({"everyone"}))
    assert source.fetch(item).text == "open"


def test_an_adapter_is_loaded_only_when_its_scheme_is_named_and_replaces_none_of_ours(
    installed: str, tmp_path: Path
) -> None:
    open_source(str(tmp_path))
    open_source(tmp_path.as_uri())
    with pytest.raises(InvalidRequest, match="did you mean 'shelf'"):
        open_source("shelv://hr")
    assert installed not in sys.modules


def test_while_the_directory_of_rights_is_down_nobody_may_read(installed: str) -> None:
    closed = {
        item.doc_id: item for item in open_source("shelf://down").items() if isinstance(item, Item)
    }["closed"]
    assert closed.is_acl_unknown
    assert closed.acl is None


def test_rights_and_classes_that_are_none_let_nothing_in(installed: str) -> None:
    found = list(open_source("shelf://wrong").items())
    assert [each.doc_id for each in found if isinstance(each, Item)] == ["open"]
    skipped = {each.what: each.reason for each in found if isinstance(each, Skipped)}
    assert set(skipped) == {"dict", "text", "class", "a\\nb", "an item"}
    assert "no Acl" in skipped["dict"]
    assert "groups is no frozen set of names" in skipped["text"]
    assert "data class" in skipped["class"]


def test_the_names_it_gives_are_compared_as_all_others_are(installed: str) -> None:
    _, denied, blank = open_source("shelf://accents").items()
    assert isinstance(denied, Item)
    assert denied.acl == Acl(deny_groups=frozenset({"\u00c4rzte"}))
    assert isinstance(blank, Skipped)
    assert "deny_groups" in blank.reason


def test_its_errors_are_failures_of_the_source_and_quote_nothing(installed: str) -> None:
    listing = open_source("shelf://dies").items()
    item = next(listing)
    assert isinstance(item, Item)
    with pytest.raises(SourceFailed, match="KeyError") as failed:
        next(listing)
    assert "hunter2" not in str(failed.value)
    with pytest.raises(SourceFailed, match="KeyError") as failed:
        open_source("shelf://dies").fetch(replace(item, doc_id="other"))
    assert "hunter2" not in str(failed.value)
    with pytest.raises(Conflict):
        list(open_source("shelf://conflict").items())


@pytest.mark.parametrize("address", ["shelf://broken", "shelf://forged", "lost://x"])
def test_one_that_cannot_be_set_up_is_told_by_its_scheme(installed: str, address: str) -> None:
    with pytest.raises(SourceFailed, match="cannot be set up") as failed:
        open_source(address)
    assert "hunter2" not in str(failed.value)
    assert not failed.value.retry


def test_an_unknown_scheme_names_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match="known are az, file, gs, hdfs, http, https, s3"):
        open_source("qqq://x")


def test_an_adapter_is_closed_where_it_can_be_and_its_errors_end_nothing(installed: str) -> None:
    open_source("shelf://hr").close()
    closed: list[str] = []

    class Closing:
        name = "shelf://hr"

        def close(self) -> None:
            closed.append(self.name)
            raise RuntimeError("password=hunter2")

    CheckedSource(Closing(), "shelf").close()  # type: ignore[arg-type]
    assert closed == ["shelf://hr"]
