"""Rows are documents; a row that is not in order never lets more people in."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.knowledge.access import Acl
from befit.knowledge.sources import (
    Item,
    Skipped,
    Source,
    SourceFailed,
    SourceOptions,
    open_source,
)
from befit.knowledge.sources.json_row import read_row
from befit.knowledge.sources.statements import ACL_KEYS, StatementFault
from befit.vocabulary import DataClass


def opened(folder: Path, *rows: object, name: str = "docs.jsonl") -> Source:
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    content = b"\n".join(lines) + b"\n"
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return open_source(str(folder / name))


def items_of(source: Source) -> list[Item]:
    return [found for found in source.items() if isinstance(found, Item)]


def reasons_of(source: Source) -> dict[str, str]:
    return {found.what: found.reason for found in source.items() if isinstance(found, Skipped)}


@pytest.mark.parametrize("name", ["docs.jsonl", "docs.jsonl.gz", "DOCS.JSONL"])
def test_a_row_says_all_that_there_is_to_say(tmp_path: Path, name: str) -> None:
    source = opened(
        tmp_path,
        {
            "doc_id": "hr/pay day",
            "title": "Pay\n day",
            "text": "On the 25th.\n",
            "acl": {"groups": ["staff"], "deny_users": ["mara"]},
            "data_class": "confidential",
            "metadata": {"land": "DE"},
            "dated": "2026-03-31",
            "author": "left alone",
        },
        {"doc_id": 7, "text": "Seven.", "title": None},
        name=name,
    )
    assert source.name == f"file:{tmp_path / name}"
    full, bare = items_of(source)
    assert (full.doc_id, full.path, full.title) == ("hr/pay day", "hr/pay day", "Pay day")
    assert full.uri == f"{(tmp_path / name).as_uri()}#hr/pay%20day"
    assert full.acl == Acl(groups=frozenset({"staff"}), deny_users=frozenset({"mara"}))
    assert full.data_class is DataClass.CONFIDENTIAL
    assert full.metadata == {"land": "DE"}
    assert full.dated_s == 1774915200
    assert (bare.doc_id, bare.title, bare.acl, bare.data_class) == ("7", "", None, None)
    assert not bare.is_acl_unknown
    assert source.fetch(bare).text == "Seven."
    assert source.fetch(full).text == "On the 25th.\n"  # and back again
    assert source.fetch(full).file is None


@pytest.mark.parametrize(
    ("dated", "seconds"),
    [
        ("1970-01-02", 86_400),
        ("1970-01-01T01:00:00", 3_600),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:05Z", 5),
    ],
)
def test_dates_are_in_utc_unless_they_say(dated: str, seconds: int) -> None:
    row = json.dumps({"doc_id": "a", "text": "t", "dated": dated})
    assert read_row(row.encode()).dated_s == seconds


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"{", "not JSON"),
        (b"[1]", "a line is"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"doc_id": "a", "text": NaN}', "not JSON: NaN"),
        (b"[" * 100_000, "not JSON that can be read"),
        (b'{"doc_id": ' + b"9" * 5_000 + b', "text": "t"}', "not JSON that can be read"),
        ({"text": "t"}, "doc_id: a text or a whole number"),
        ({"doc_id": True, "text": "t"}, "doc_id: a text or a whole number"),
        ({"doc_id": "", "text": "t"}, "doc_id: its name is empty"),
        ({"doc_id": "a\nb", "text": "t"}, "doc_id: its name holds line breaks"),
        ({"doc_id": "a\ud800", "text": "t"}, "doc_id: its name is not UTF-8"),
        ({"doc_id": "x" * 2_001, "text": "t"}, "doc_id: its name is longer"),
        ({"doc_id": "a"}, "text: a text is expected"),
        ({"doc_id": "a", "text": 1}, "text: a text is expected"),
        ({"doc_id": "a", "text": "\udfff"}, "text: a text is expected"),
        ({"doc_id": "a", "text": " \n"}, "text: it is empty"),
        ({"doc_id": "a", "text": "t", "title": ["x"]}, "title: a text"),
        ({"doc_id": "a", "text": "t", "data_class": "secret"}, "data_class: data class 'secret'"),
        ({"doc_id": "a", "text": "t", "data_class": 3}, "data_class: one of the four"),
        ({"doc_id": "a", "text": "t", "metadata": {"a": 1}}, "metadata: 'a' is no text"),
        ({"doc_id": "a", "text": "t", "metadata": ["a"]}, "metadata: an object"),
        ({"doc_id": "a", "text": "t", "dated": "31.03.2026"}, "dated: a date such as"),
        ({"doc_id": "a", "text": "t", "dated": 20260331}, "dated: a date such as"),
        ({"doc_id": "a", "text": "t", "acl": []}, "acl: an object of users, groups"),
        ({"doc_id": "a", "text": "t", "acl": "everyone"}, "acl: an object of users, groups"),
        ({"doc_id": "a", "text": "t", "acl": {"group": ["x"]}}, "did you mean 'groups'?"),
        ({"doc_id": "a", "text": "t", "acl": {"denyusers": []}}, "did you mean 'deny_users'?"),
        ({"doc_id": "a", "text": "t", "acl": {"Users": ["x"]}}, "did you mean 'users'?"),
        ({"doc_id": "a", "text": "t", "acl": {"zzz": ["x"]}}, "known are users, groups"),
        ({"doc_id": "a", "text": "t", "acl": {"users": "mara"}}, "acl: users is no list"),
        ({"doc_id": "a", "text": "t", "acl": {"users": None}}, "acl: users is no list"),
        ({"doc_id": "a", "text": "t", "acl": {"deny_groups": [1]}}, "acl: deny_groups holds"),
        ({"doc_id": "a", "text": "t", "acl": {"groups": [" "]}}, "acl: groups holds"),
        (
            b'{"doc_id": "a", "text": "t", "acl": {"groups": ["hr"], "groups": ["everyone"]}}',
            "the key 'groups' stands twice",
        ),
        (
            b'{"doc_id": "a", "text": "t", "acl": {"groups": ["hr"]}, "\\u0061cl": {}}',
            "the key 'acl' stands twice",
        ),
        ({"doc_id": "a", "text": "t", "ACL": {"groups": ["hr"]}}, "did you mean 'acl'?"),
        ({"doc_id": "a", "text": "t", "acls": {"groups": ["hr"]}}, "did you mean 'acl'?"),
        ({"doc_id": "a", "text": "t", "dataclass": "restricted"}, "did you mean 'data_class'?"),
        ({"doc_id": "a", "text": "t", "data-class": "restricted"}, "did you mean 'data_class'?"),
        ({"doc_id": "a", "text": "t", "deny_users": ["mara"]}, "it belongs into 'acl'"),
    ],
)
def test_a_row_that_is_not_in_order_is_skipped_by_its_line_and_the_others_come(
    tmp_path: Path, row: object, reason: str
) -> None:
    source = opened(tmp_path, {"doc_id": "b", "text": "t"}, b"", row, {"doc_id": "c", "text": "t"})
    reasons = reasons_of(source)
    assert list(reasons) == ["docs.jsonl, line 3"]
    assert reason in reasons["docs.jsonl, line 3"]
    assert [item.doc_id for item in items_of(source)] == ["b", "c"]


def test_a_reason_is_one_short_line_without_the_document(tmp_path: Path) -> None:
    rows = (
        {"doc_id": "a", "text": "the secret", "acl": {"x" * 5_000 + "\n": ["the secret"]}},
        {"doc_id": "a", "text": "the secret", "data_class": "the secret"},
        b'{"doc_id": "a", "text": "the secret"',
    )
    for reason in reasons_of(opened(tmp_path, *rows)).values():
        assert len(reason) < 400
        assert len(reason.splitlines()) == 1
        assert "the secret" not in reason or "data class" in reason


def test_rights_that_a_row_has_and_does_not_give_are_unknown(tmp_path: Path) -> None:
    (item,) = items_of(opened(tmp_path, {"doc_id": "a", "text": "t", "acl": None}))
    assert item.acl is None
    assert item.is_acl_unknown


def test_an_empty_acl_lets_nobody_in(tmp_path: Path) -> None:
    (item,) = items_of(opened(tmp_path, {"doc_id": "a", "text": "t", "acl": {}}))
    assert item.acl == Acl()


def test_of_two_rows_of_one_name_the_first_stays(tmp_path: Path) -> None:
    source = opened(tmp_path, {"doc_id": "1", "text": "first"}, {"doc_id": 1, "text": "second"})
    (item,) = items_of(source)
    assert source.fetch(item).text == "first"
    assert reasons_of(source) == {"docs.jsonl, line 2": "doc_id '1' stands above already"}


def test_a_later_row_does_not_stand_in_for_one_whose_rights_cannot_be_read(
    tmp_path: Path,
) -> None:
    source = opened(
        tmp_path,
        {"doc_id": "a", "text": "t", "acl": {"group": ["hr"]}},
        {"doc_id": "a", "text": "t", "acl": {"groups": ["everyone"]}},
    )
    assert items_of(source) == []
    assert len(reasons_of(source)) == 2


def test_the_token_is_of_the_whole_row(tmp_path: Path) -> None:
    one = {"doc_id": "a", "text": "t", "acl": {"groups": ["hr"]}}
    two = {"doc_id": "a", "text": "t", "acl": {"groups": ["it"]}}
    (before,) = items_of(opened(tmp_path, one))
    (moved,) = items_of(opened(tmp_path, b"", one))
    (after,) = items_of(opened(tmp_path, two))
    assert before.change_token == moved.change_token != after.change_token


def test_a_line_without_end_is_skipped_without_being_held(tmp_path: Path) -> None:
    long = b'{"doc_id": "long", "text": "' + b"x" * 5_000 + b'"}'
    (tmp_path / "docs.jsonl").write_bytes(
        b'{"doc_id": "a", "text": "1"}\n' + long + b'\n{"doc_id": "b", "text": "2"}'
    )
    source = open_source(str(tmp_path / "docs.jsonl"), SourceOptions(most_bytes=1_000))
    assert reasons_of(source) == {"docs.jsonl, line 2": "a line of more than 1,000 bytes"}
    items = items_of(source)
    assert [item.doc_id for item in items] == ["a", "b"]
    assert source.fetch(items[1]).text == "2"


def test_a_broken_archive_gives_what_it_holds_and_then_fails(tmp_path: Path) -> None:
    rows = b"".join(
        b'{"doc_id": %d, "text": "%b"}\n' % (n, os.urandom(40).hex().encode()) for n in range(2_000)
    )
    whole = gzip.compress(rows)
    (tmp_path / "docs.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    listing = open_source(str(tmp_path / "docs.jsonl.gz")).items()
    assert isinstance(next(listing), Item)
    with pytest.raises(SourceFailed, match="not a whole gzip file") as failed:
        list(listing)
    assert not failed.value.retry


def test_a_file_that_changes_under_the_run_is_not_mixed(tmp_path: Path) -> None:
    source = opened(tmp_path, {"doc_id": "a", "text": "old", "acl": {"groups": ["hr"]}})
    (item,) = items_of(source)
    opened(tmp_path, {"doc_id": "a", "text": "new", "acl": {"groups": ["it"]}})
    with pytest.raises(SourceFailed, match="changed while it was read"):
        source.fetch(item)


def test_a_file_that_is_gone_fails(tmp_path: Path) -> None:
    source = opened(tmp_path, {"doc_id": "a", "text": "t"})
    (item,) = items_of(source)
    (tmp_path / "docs.jsonl").unlink()
    with pytest.raises(SourceFailed):
        list(source.items())
    with pytest.raises(SourceFailed):
        source.fetch(item)
    with pytest.raises(SourceFailed, match="no row of"):
        source.fetch(Item(doc_id="a", uri="", path="a"))


def test_within_a_folder_such_a_file_is_one_text(tmp_path: Path) -> None:
    opened(tmp_path, {"doc_id": "a", "text": "t"}, {"doc_id": "b", "text": "t"})
    assert [item.doc_id for item in items_of(open_source(str(tmp_path)))] == ["docs.jsonl"]


_NAMES = st.text(alphabet=st.characters(codec="utf-8"), max_size=5)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=6,
)
_ACLS = st.dictionaries(
    st.sampled_from([*ACL_KEYS, "group", "user", "Groups", "deny"]) | _NAMES,
    st.lists(st.sampled_from(["hr", "mara", "everyone", "", " "]) | _JSON, max_size=3) | _JSON,
    max_size=4,
)


@settings(max_examples=300, deadline=None)
@given(acl=_ACLS | _JSON)
def test_whatever_stands_for_an_acl_no_one_gets_in_whom_it_does_not_name(acl: object) -> None:
    raw = json.dumps({"doc_id": "a", "text": "t", "acl": acl}).encode()
    try:
        row = read_row(raw)
    except StatementFault:
        return
    if acl is None:
        assert row.is_acl_unknown
        assert row.acl is None
        return
    assert isinstance(acl, dict)
    assert row.acl is not None
    assert set(acl) <= set(ACL_KEYS)
    for key in ACL_KEYS:
        assert getattr(row.acl, key) == frozenset(acl.get(key, []))


_ROWS = st.lists(
    st.fixed_dictionaries(
        {"doc_id": st.sampled_from("abcd") | _NAMES, "text": _NAMES},
        optional={"acl": _ACLS, "title": _NAMES | st.none(), "metadata": _JSON, "dated": _JSON},
    )
    | st.binary(max_size=30).filter(lambda raw: b"\n" not in raw),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(rows=_ROWS, packed=st.booleans())
def test_every_row_is_taken_once_or_told(rows: list[object], packed: bool) -> None:
    with tempfile.TemporaryDirectory() as held:
        source = opened(Path(held), *rows, name="docs.jsonl.gz" if packed else "docs.jsonl")
        found = list(source.items())
        items = [each for each in found if isinstance(each, Item)]
        blank = sum(isinstance(row, bytes) and not row.strip() for row in rows)
        assert len(found) == len(rows) - blank
        assert len({item.doc_id for item in items}) == len(items)
        texts = {str(row["doc_id"]): row["text"] for row in reversed(rows) if isinstance(row, dict)}
        for item in reversed(items):
            assert source.fetch(item).text == texts[item.doc_id]


@pytest.mark.parametrize("is_early", [True, False])
def test_nothing_stays_open_once_the_listing_is_closed(tmp_path: Path, is_early: bool) -> None:
    source = opened(tmp_path, *({"doc_id": f"{at}", "text": "pump"} for at in range(3)))
    listing = source.items()
    item = next(listing)
    assert isinstance(item, Item)
    source.fetch(item)
    if is_early:
        listing.close()  # type: ignore[attr-defined]
    else:
        list(listing)
    assert open_files(tmp_path) == []
    source.fetch(item)
    assert len(open_files(tmp_path)) == 1
    source.close()
    assert open_files(tmp_path) == []


def open_files(folder: Path) -> list[str]:
    """Which files below a folder this process has open."""
    found: list[str] = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(str(link.readlink()))
    return [each for each in found if each.startswith(str(folder))]
