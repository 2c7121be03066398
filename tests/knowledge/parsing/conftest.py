"""A parser for all tests of a file, and files made of bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from befit.knowledge.parsing import Parsed, Parser

Read = Callable[[str, bytes], Parsed]


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    with Parser() as opened:
        yield opened


@pytest.fixture
def read(parser: Parser, tmp_path: Path) -> Read:
    """Parse bytes as the file of a name."""

    def parsed(name: str, content: bytes) -> Parsed:
        file = tmp_path / "content"
        file.write_bytes(content)
        return parser.parse(file, name)

    return parsed
