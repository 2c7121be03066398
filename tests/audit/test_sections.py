"""An event's fields are encoded once, who apart from what, and read as one mapping."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from befit.audit.sections import Sections

FIELDS = {"model": "small", "key_id": "k1", "most_usd": Decimal("0.10"), "scopes": ["key:k1"]}


def test_who_stands_apart_from_what() -> None:
    sections = Sections.of(FIELDS)
    assert msgspec.json.decode(sections.caller) == {"key_id": "k1", "scopes": ["key:k1"]}
    assert msgspec.json.decode(sections.account) == {"model": "small", "most_usd": "0.10"}


def test_they_read_as_one_mapping_of_encoded_values() -> None:
    sections = Sections.of(FIELDS)
    assert set(sections) == set(FIELDS)
    assert bytes(sections["most_usd"]) == b'"0.10"'
    assert sections == Sections.read(sections.caller, sections.account)
    assert "absent" not in sections


def test_values_that_are_encoded_already_are_taken_as_they_are() -> None:
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in FIELDS.items()}
    sections = Sections.of(raw)
    assert sections == Sections.of(FIELDS)
    assert Sections.of(sections) is sections


@pytest.mark.parametrize("fields", [{}, {"key_id": "k"}, {"model": "m"}, FIELDS])
def test_all_fields_come_as_one_object(fields: dict[str, object]) -> None:
    told = msgspec.json.decode(Sections.of(fields).as_json())
    assert told == msgspec.json.decode(msgspec.json.encode(fields))


@pytest.mark.parametrize(
    ("caller", "account"),
    [
        (b"", b"{}"),
        (b"{}", b"[]"),
        (b'{"a":1}', b'{"a":1}'),
        (b" {}", b"{}"),
        (b"{}", b'{"a":1} '),
        (b"{}", b'{"a":'),
    ],
)
def test_what_is_not_two_objects_apart_is_refused(caller: bytes, account: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|both sections|space around"):
        Sections.read(caller, account)
