"""Reading queries: what is searched for, by whom, and what ought to be found.

    for query in read_queries(Path("queries.jsonl.gz")):
        ...

A line is `{"query_id", "query", "history"?, "relevant"?, "as"?}`; other keys of a line are the
data's own and are left alone. A missing id is the row's number, counted from 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from befit.errors import InvalidRequest
from befit.evaluation.json_lines import read_lines
from befit.messages import Message

_SHAPE = 'a line is {"query_id": .., "query": ..}, with "history", "relevant" and "as" or without'


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """One query of a file.

    Attributes:
        history: the conversation before it, oldest turn first.
        relevant: the grade of each document that ought to be found; empty where nobody judged.
        reader: `USER[:GROUP,GROUP..]`, for whom it is searched; None where the row names nobody.
    """

    id: str
    text: str
    history: tuple[Message, ...] = ()
    relevant: Mapping[str, float] = field(default_factory=dict[str, float])
    reader: str | None = None


class _Turn(msgspec.Struct, frozen=True):
    role: str
    content: str


class _Line(msgspec.Struct, frozen=True):
    query: str
    query_id: str | int | None = None
    history: tuple[_Turn, ...] | None = None
    relevant: dict[str, float] | None = None
    reader: str | None = msgspec.field(name="as", default=None)


_decode_line = msgspec.json.Decoder(_Line).decode


def read_queries(path: Path) -> Iterator[Query]:
    """Stream the queries of a JSON Lines file, gzipped or not, in their order.

    Raises:
        InvalidRequest: with file and line, for what cannot be read or is no query.
    """
    row = 0
    for number, line in read_lines(path):
        row += 1
        yield _query(f"{path}:{number}", line, row)
    if row == 0:
        raise InvalidRequest(f"{path} holds no queries", next_step=_SHAPE)


def _query(place: str, raw: bytes, row: int) -> Query:
    try:
        line = _decode_line(raw)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{place}: {error}", next_step=_SHAPE) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{place}: not JSON: {error}", next_step=_SHAPE) from None
    if not line.query.strip():
        raise InvalidRequest(f"{place}: the query is empty", next_step="remove the line")
    if line.reader is not None and not line.reader.strip():
        raise InvalidRequest(
            f'{place}: "as" is empty; it would be searched for whoever runs the file',
            next_step='name a reader as USER[:GROUP,GROUP..], or leave "as" out',
        )
    return Query(
        id=str(row) if line.query_id is None else str(line.query_id),
        text=line.query,
        history=tuple(Message(role=turn.role, content=turn.content) for turn in line.history or ()),
        relevant=line.relevant or {},
        reader=line.reader,
    )
