"""What Word documents and presentations share."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypeAlias, cast

import docx.opc.exceptions
import lxml.etree
import pptx.exc

from befit.knowledge.parsing.unreadable import Unreadable

Element: TypeAlias = Any  # lxml has no types

_etree = cast("Any", lxml.etree)  # pyright: ignore[reportAttributeAccessIssue]  # no types
_XmlBroken = cast("type[Exception]", _etree.LxmlError)

_BROKEN: tuple[type[Exception], ...] = (
    docx.opc.exceptions.OpcError,
    pptx.exc.PythonPptxError,
    _XmlBroken,
    zipfile.BadZipFile,
    OSError,
    # What the libraries raise where a part is missing or is not what it should be.
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    AssertionError,
    NotImplementedError,
)


@contextmanager
def blaming_the_file() -> Generator[None]:
    """Around code of libraries that take files to be sound.

    Raises:
        Unreadable: whatever they stumble over.
    """
    try:
        yield
    except _BROKEN as error:
        # Not in the library's words: they quote the file.
        raise Unreadable(f"it is damaged inside ({type(error).__name__})") from error


def root_of(content: bytes) -> Element:
    """The root of a part's XML. Nothing is fetched, no entity is expanded."""
    parser = _etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)
    return _etree.fromstring(content, parser)


def seconds(when: dt.datetime | None) -> int | None:
    """Unix seconds of what a file's properties say, which is in UTC."""
    if when is None or not 1980 < when.year < 2200:
        return None
    return int(when.replace(tzinfo=when.tzinfo or dt.UTC).timestamp())
