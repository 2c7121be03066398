"""`read_sitemap`: the pages, or further sitemaps, that a sitemap lists."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast
from xml.parsers import expat

MOST_SITEMAP_BYTES = 50 * 1024 * 1024
MOST_ENTRIES = 50_000
_MOST_TEXT = 4_000
_MOST_DEPTH = 20
_BLOCK = 64 * 1024
_GZIP = b"\x1f\x8b"


class SitemapFault(ValueError):
    """Why a file is no sitemap that can be used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One address that a sitemap lists.

    Attributes:
        is_sitemap: of a sitemap, not of a page.
        changed: when, as it says; empty where it does not.
    """

    address: str
    is_sitemap: bool
    changed: str = ""


def read_sitemap(path: Path) -> Iterator[Entry]:
    """Its entries, as they are read. Packed or not, as its first bytes say.

    Raises:
        SitemapFault: it is none, is larger than sitemaps may be, or declares entities.
    """
    reading = _Reading()
    size = count = 0
    try:
        with _opened(path) as file:
            while part := file.read(_BLOCK):
                size += len(part)
                if size > MOST_SITEMAP_BYTES:
                    raise SitemapFault(f"larger than {MOST_SITEMAP_BYTES:,} bytes")
                for entry in reading.read(part):
                    count += 1
                    if count > MOST_ENTRIES:
                        raise SitemapFault(f"more than {MOST_ENTRIES:,} entries")
                    yield entry
        reading.end()
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise SitemapFault("not a whole gzip file") from None
    except expat.ExpatError as error:
        raise SitemapFault(f"not XML: {expat.ErrorString(error.code)}") from None


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        is_packed = file.read(2) == _GZIP
    return cast("IO[bytes]", gzip.open(path, "rb")) if is_packed else path.open("rb")


class _Reading:
    """Follows the elements down to `url/loc` and `sitemap/loc`."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._inside: list[str] = []
        self._said: dict[str, str] = {}
        self._done: list[Entry] = []

    def read(self, part: bytes) -> list[Entry]:
        """What is whole by now."""
        self._parser.Parse(part, False)
        done, self._done = self._done, []
        return done

    def end(self) -> None:
        """Make sure that it ended as it should."""
        self._parser.Parse(b"", True)

    def _doctype(self, *_: object) -> None:
        raise SitemapFault("it declares a document type, which sitemaps have not")

    def _start(self, name: str, _: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        if not self._inside and local not in {"urlset", "sitemapindex"}:
            raise SitemapFault("it holds neither `urlset` nor `sitemapindex`")
        if len(self._inside) >= _MOST_DEPTH:
            raise SitemapFault("its elements are nested too deeply")
        self._inside.append(local)
        if len(self._inside) == 2:
            self._said = {}

    def _text(self, text: str) -> None:
        if len(self._inside) == 3 and self._inside[1] in {"url", "sitemap"}:
            said = self._said.get(self._inside[2], "") + text
            self._said[self._inside[2]] = said[:_MOST_TEXT]

    def _end(self, _: str) -> None:
        if len(self._inside) == 2 and (address := self._said.get("loc", "").strip()):
            self._done.append(
                Entry(
                    address=address,
                    is_sitemap=self._inside[1] == "sitemap",
                    changed=self._said.get("lastmod", "").strip(),
                )
            )
        self._inside.pop()
