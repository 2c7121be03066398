"""Leaves have one spelling, show no field, and commit to each with a salt of its own."""

from __future__ import annotations

import json
import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.audit.leaf import (
    SALT_BYTES,
    Committer,
    Leaf,
    LeafError,
    NewLeaf,
    check_commitments,
    decode_leaf,
    encode_leaf,
    pack_fields,
    time_us,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
fields = st.dictionaries(st.text(min_size=1, max_size=12), values, max_size=8)


def committed(given_fields: dict[str, object]) -> tuple[bytes, bytes]:
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in given_fields.items()}
    salts = os.urandom(SALT_BYTES * len(raw))
    leaf = NewLeaf(
        1,
        "opened",
        "2026-01-02T03:04:05.000006Z",
        "default",
        "dec_1",
        "2.answer",
        None,
        "sha256:p",
        "ab" * 16,
        "tenant-default:1",
        Committer().commit(raw, salts),
    )
    return encode_leaf(leaf), pack_fields(raw, salts)


@given(fields)
def test_fields_are_read_back_and_fit_their_commitments(given_fields: dict[str, object]) -> None:
    line, packed = committed(given_fields)
    opened = check_commitments(decode_leaf(line), packed)
    assert {name: json.loads(bytes(raw)) for name, raw in opened.items()} == given_fields


@given(fields.filter(bool), st.integers(0, 100_000), st.integers(1, 255))
def test_any_changed_sealed_byte_is_seen(
    given_fields: dict[str, object], position: int, mask: int
) -> None:
    line, packed = committed(given_fields)
    changed = bytearray(packed)
    changed[position % len(changed)] ^= mask
    with pytest.raises(LeafError):
        check_commitments(decode_leaf(line), bytes(changed))


def test_a_leaf_shows_neither_fields_nor_equal_commitments_for_equal_values() -> None:
    line, _ = committed({"a": "the text", "b": "the text"})
    leaf = decode_leaf(line)
    assert b"the text" not in line
    assert leaf.commitments["a"] != leaf.commitments["b"]


def test_keys_stand_in_their_fixed_order() -> None:
    line, _ = committed({"b": 1, "a": 2})
    assert list(json.loads(line)) == list(Leaf.__struct_fields__)
    assert list(decode_leaf(line).commitments) == ["b", "a"]


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace(b'{"v":1', b'{ "v":1'),
        lambda line: line.replace(b'"v":1,', b'"v":1,"v":1,'),
        lambda line: line.replace(b'"v":1', b'"v":2'),
        lambda line: line.replace(b'"v":1,', b'"v":1,"x":0,'),
        lambda line: line.replace(b"opened", b"closed "),
        lambda line: line.replace(b"dec_1", b"dec_\\u0031"),
        lambda line: line + b" ",
        lambda line: line[:-1],
        lambda line: b"\xff" + line,
    ],
)
def test_a_leaf_in_a_second_spelling_is_refused(change) -> None:
    line, _ = committed({"a": 1})
    assert change(line) != line
    with pytest.raises(LeafError):
        decode_leaf(change(line))


def test_times_are_utc_with_microseconds() -> None:
    assert time_us("1970-01-01T00:00:01.000002Z") == 1_000_002
    for text in ("1970-01-01T00:00:01Z", "1970-01-01T00:00:01.02Z", "1970-13-01T00:00:01.000002Z"):
        with pytest.raises(LeafError):
            time_us(text)
