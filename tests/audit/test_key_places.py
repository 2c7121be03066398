"""Lookups find keys of any month, and remember only a bounded number of them."""

from __future__ import annotations

import secrets
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from befit.audit.data_key_file import ID_BYTES, NONCE_BYTES, PSEUDONYM_BYTES, KeyFile, KeyRecord
from befit.audit.key_places import KeyPlaces

MOST = 8


def file_of(folder: Path, name: str) -> KeyFile:
    return KeyFile(folder / f"{name}.keys", mark=bytes(8))


def add(file: KeyFile, count: int) -> list[bytes]:
    made = [
        KeyRecord(
            class_code=0,
            id=secrets.token_bytes(ID_BYTES),
            pseudonym=bytes(PSEUDONYM_BYTES),
            nonce=bytes(NONCE_BYTES),
            wrapped=bytes(48),
        )
        for _ in range(count)
    ]
    with file.writing() as writer:
        writer.append(made)
    return [record.id for record in made]


@given(steps=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6)), max_size=12))
@settings(max_examples=30, deadline=None)
def test_every_key_is_found_whatever_was_read_before(
    tmp_path_factory: object, steps: list[tuple[int, int]]
) -> None:
    folder: Path = tmp_path_factory.mktemp("keys")  # type: ignore[attr-defined]
    places, made = KeyPlaces(most=MOST), dict[str, list[bytes]]()
    for month, count in steps:
        file = file_of(folder, str(month))
        made.setdefault(str(month), []).extend(add(file, count))
        for name, marks in made.items():
            found = [places.find(file_of(folder, name), mark) for mark in marks]
            assert found == list(range(len(marks)))
            assert len(places) <= max(MOST, len(marks))
            assert places.find(file_of(folder, name), bytes(ID_BYTES)) is None


def test_a_month_without_a_file_has_no_key(tmp_path: Path) -> None:
    assert KeyPlaces().find(file_of(tmp_path, "2026-11"), bytes(ID_BYTES)) is None
