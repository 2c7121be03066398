"""Reading cases: the labelled examples that a model is trained or measured on.

    cases = tuple(read_cases(Path("triage.jsonl.gz")))

A line is `{"id", "input", "expected", "meta"?}` or `{"text", "label"}`; other keys of a
line are the data's own and are left alone. Blank lines are skipped. A missing id is the
row's number, counted from 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from befit.errors import InvalidRequest
from befit.evaluation.json_lines import read_lines
from befit.vocabulary import Case

_SHAPES = 'a line is {"input": .., "expected": ..} or {"text": .., "label": ..}'


class _Line(msgspec.Struct, frozen=True):
    id: str | int | None = None
    input: str | dict[str, object] | None = None
    expected: str | int | float | bool | list[str] | dict[str, object] | None = None
    text: str | None = None
    label: str | int | float | bool | list[str] | None = None


_decode_line = msgspec.json.Decoder(_Line).decode


def read_cases(path: Path) -> Iterator[Case]:
    """Stream the cases of a JSON Lines file, gzipped or not, in their order.

    Raises:
        InvalidRequest: with file and line, for what cannot be read, is no case, or
            repeats an id.
    """
    seen: set[str] = set()
    row = 0
    for number, line in read_lines(path):
        row += 1
        case = _case(f"{path}:{number}", line, row)
        if case.id in seen:
            raise InvalidRequest(
                f"{path}:{number}: id {case.id!r} stands twice",
                next_step="give each case an id of its own, or none at all",
            )
        seen.add(case.id)
        yield case
    if row == 0:
        raise InvalidRequest(f"{path} holds no cases", next_step=_SHAPES)


def cases_sha256(cases: Iterable[Case]) -> str:
    """`sha256:<hex>` of what cases say, whichever way the file is written or packed."""
    digest = hashlib.sha256()
    encode = msgspec.json.Encoder(order="deterministic").encode
    for case in cases:
        digest.update(encode((case.id, case.input, case.expected)))
        digest.update(b"\n")
    return f"sha256:{digest.hexdigest()}"


def text_of(case: Case) -> str:
    """The input as one text: itself, or an object as compact JSON."""
    if isinstance(case.input, str):
        return case.input
    return msgspec.json.encode(case.input).decode()


def _case(place: str, raw: bytes, row: int) -> Case:
    try:
        line = _decode_line(raw)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{place}: {error}", next_step=_SHAPES) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{place}: not JSON: {error}", next_step=_SHAPES) from None
    if line.input is not None and line.text is not None:
        raise InvalidRequest(f"{place}: both `input` and `text` are given", next_step=_SHAPES)
    content = line.text if line.input is None else line.input
    if content is None:
        raise InvalidRequest(f"{place}: neither `input` nor `text` is given", next_step=_SHAPES)
    if not content or (isinstance(content, str) and not content.strip()):
        raise InvalidRequest(f"{place}: the input is empty", next_step="remove the line")
    expected = line.label if line.expected is None else line.expected
    return Case(
        id=str(row) if line.id is None else str(line.id),
        input=content,
        expected=_expected(place, expected),
    )


def _expected(
    place: str, value: str | float | bool | list[str] | dict[str, object] | None
) -> str | tuple[str, ...] | dict[str, object] | None:
    if isinstance(value, list):
        if not value or not all(label.strip() for label in value):
            raise InvalidRequest(f"{place}: the list of expected answers is empty or holds one")
        return tuple(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str) and not value.strip():
        raise InvalidRequest(f"{place}: the expected answer is empty", next_step=_SHAPES)
    return value
