"""Leaves have one spelling, show no field, and commit to who and what with salts of their own."""

from __future__ import annotations

import base64
import hashlib
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.audit.events import EventType
from befit.audit.leaf import (
    SALTS_BYTES,
    Leaf,
    LeafError,
    NewLeaf,
    check_commitments,
    commit,
    decode_leaf,
    encode_leaf,
    pack_sections,
    time_us,
)
from befit.audit.sections import CALLER_FIELDS, Sections

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
names = st.text(min_size=1, max_size=12) | st.sampled_from(CALLER_FIELDS)
fields = st.dictionaries(names, values, max_size=8)


def committed(given_fields: dict[str, object]) -> tuple[bytes, bytes]:
    sections, salts = Sections.of(given_fields), os.urandom(SALTS_BYTES)
    leaf = NewLeaf(
        1,
        EventType.OPENED,
        "2026-01-02T03:04:05.000006Z",
        "default",
        "dec_1",
        "2.answer",
        None,
        "sha256:p",
        "ab" * 16,
        "tenant-default:1",
        *commit(sections, salts),
    )
    return encode_leaf(leaf), pack_sections(sections, salts)


@given(fields)
def test_fields_are_read_back_and_fit_their_commitments(given_fields: dict[str, object]) -> None:
    line, packed = committed(given_fields)
    opened = check_commitments(decode_leaf(line), packed)
    assert {name: json.loads(bytes(raw)) for name, raw in opened.items()} == given_fields


@given(fields, st.integers(0, 100_000), st.integers(1, 255))
def test_any_changed_sealed_byte_is_seen(
    given_fields: dict[str, object], position: int, mask: int
) -> None:
    line, packed = committed(given_fields)
    changed = bytearray(packed)
    changed[position % len(changed)] ^= mask
    with pytest.raises(LeafError):
        check_commitments(decode_leaf(line), bytes(changed))


def test_a_leaf_shows_no_field_and_equal_fields_never_look_equal() -> None:
    first, _ = committed({"key_id": "the key", "a": "the text"})
    second, _ = committed({"key_id": "the key", "a": "the text"})
    assert b"the text" not in first
    assert b"the key" not in first
    assert decode_leaf(first).caller != decode_leaf(second).caller
    assert decode_leaf(first).account != decode_leaf(second).account


def test_the_account_can_be_shown_and_checked_without_the_caller() -> None:
    line, packed = committed({"key_id": "k1", "principal_id": "key:k1", "model": "small"})
    sections = check_commitments(decode_leaf(line), packed)
    shown, salt = sections.account, packed[16:32]
    digest = hashlib.sha256(salt + b"account" + shown).digest()
    assert base64.b64encode(digest).decode() == decode_leaf(line).account
    assert b"k1" not in shown


def test_a_section_cannot_stand_in_for_the_other() -> None:
    line, packed = committed({})
    leaf = decode_leaf(line)
    leaf.caller, leaf.account = leaf.account, leaf.caller
    with pytest.raises(LeafError):
        check_commitments(leaf, packed[16:32] + packed[:16] + packed[32:])


def test_keys_stand_in_their_fixed_order() -> None:
    line, _ = committed({"b": 1, "a": 2})
    assert list(json.loads(line)) == list(Leaf.__struct_fields__)


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
