"""What every entry schema of the workspace's files is made of.

`Entry` refuses unknown keys and never shows a value in its errors; the word types read
what people write (`restricted`, `7d`, `EU`) and write it back the same way.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from befit.vocabulary import DataClass

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_RESERVED = frozenset({"auto", "person"})
_WORD = re.compile(r"[a-z][a-z0-9_-]{0,31}\Z")
_PLACE = re.compile(r"[A-Z]{2,3}(?:-[A-Z0-9]{1,3})?\Z")
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])\Z")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Entry(BaseModel):
    """One mapping of a file: closed, immutable, and silent about its values in errors."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        serialize_by_alias=True,
    )


def name_fault(name: str) -> str | None:
    """Why a word cannot name a model or workflow, or None.

    Names become file names, so nothing in them may lead out of a folder.
    """
    if name.lower() in _RESERVED:
        return f"{name!r} has a meaning of its own"
    if not _NAME.match(name):
        return "1 to 64 letters, digits, `-`, `_` and `.` make a name, the first no sign"
    return None


def duration_s(text: str) -> int:
    """The seconds of `90s`, `30m`, `12h` or `7d`."""
    match = _DURATION.match(text)
    if match is None:
        raise ValueError("a duration is written like 30m, 12h or 7d")
    return int(match[1]) * _UNIT_S[match[2]]


def _checked_name(name: str) -> str:
    fault = name_fault(name)
    if fault:
        raise ValueError(fault)
    return name


def _checked_word(word: str) -> str:
    if not _WORD.match(word):
        raise ValueError("a word of small letters, such as `write`")
    return word


def _checked_place(place: str) -> str:
    if not _PLACE.match(place.upper()):
        raise ValueError("a country or region code, such as `DE`, `US` or `EU`")
    return place.upper()


def _checked_duration(text: str) -> str:
    duration_s(text)
    return text


def _data_class(value: object) -> object:
    return DataClass.from_word(value) if isinstance(value, str) else object()


Name = Annotated[str, AfterValidator(_checked_name)]
"""The name of a model or workflow."""

Word = Annotated[str, AfterValidator(_checked_word)]
"""A lower-case word, such as an ability."""

Place = Annotated[str, AfterValidator(_checked_place)]
"""A jurisdiction, kept in capitals."""

Duration = Annotated[str, AfterValidator(_checked_duration)]
"""A time span as people write it; `duration_s` reads it."""

ClassWord = Annotated[
    DataClass,
    BeforeValidator(_data_class),
    PlainSerializer(lambda data_class: data_class.word, return_type=str),
]
"""A data class, read and written as its word."""
