"""`WebSite`: a page, or all pages of a sitemap."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path, PurePosixPath

from befit.errors import InvalidRequest
from befit.knowledge.sources.failed import SourceFailed
from befit.knowledge.sources.naming import name_fault, shown
from befit.knowledge.sources.options import SourceOptions
from befit.knowledge.sources.scratch import take_in
from befit.knowledge.sources.source import Fetched, Item, Skipped
from befit.knowledge.sources.web.address import AddressFault, Home, WebAddress, read_address
from befit.knowledge.sources.web.recoding import recoded
from befit.knowledge.sources.web.robots import MOST_ROBOTS_BYTES, Robots, read_robots
from befit.knowledge.sources.web.sitemap import (
    MOST_SITEMAP_BYTES,
    Entry,
    SitemapFault,
    read_sitemap,
)
from befit.knowledge.sources.web.visitor import USER_AGENT, PageFailed, Visitor

_MOST_SITEMAPS = 1_000
_MOST_NESTED = 3
_MOST_PAGES = 50_000
_MOST_TROUBLED = 10
_NO_HEAD = frozenset({405, 501})
_SITEMAPS = (".xml", ".xml.gz")
_VAGUE = frozenset({"", "application/octet-stream", "text/plain", "binary/octet-stream"})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """What a page said of itself when it was last asked; for a source that is kept."""

    item: Item
    conditions: dict[str, str]


class WebSite:
    """The pages that one address leads to, all of one host."""

    def __init__(
        self, address: str, options: SourceOptions, *, visitor: Visitor | None = None
    ) -> None:
        """Ask nothing yet.

        Raises:
            InvalidRequest: it is no address, or one that holds a password or a query.
        """
        try:
            self._start = read_address(address)
        except AddressFault as fault:
            raise InvalidRequest(f"the web address is {fault}", param="source") from None
        if self._start.query:
            raise InvalidRequest(
                "a web address is given without a query, because keys hide there",
                next_step="list such pages in a sitemap",
                param="source",
            )
        self._home = Home(start=self._start)
        self._options = options
        self._visitor = visitor or Visitor(self._home)
        self._robots: dict[str, Robots] = {}
        self._known: dict[str, _Known] = {}
        self._known_before: dict[str, _Known] = {}

    @property
    def name(self) -> str:
        """Such as `https://intranet.example/sitemap.xml`."""
        return self._start.url

    def items(self) -> Iterator[Item | Skipped]:
        """The page; or the pages of the sitemap, in its order."""
        self._robots.clear()
        self._known_before, self._known = self._known, {}
        seen: set[str] = set()
        troubled = 0
        try:
            for found in self._pages():
                if isinstance(found, Skipped):
                    yield found
                    continue
                address, entry = found
                if address.url in seen:
                    continue
                if len(seen) >= _MOST_PAGES:
                    raise self._failed(f"lists more than {_MOST_PAGES:,} pages")
                seen.add(address.url)
                offered, is_troubled = self._offered(address, entry)
                troubled = troubled + 1 if is_troubled else 0
                if troubled >= _MOST_TROUBLED:
                    raise self._failed("answers with errors only", retry=True)
                yield offered
        finally:
            self._visitor.close()

    def fetch(self, item: Item) -> Fetched:
        """The page as the site gives it now."""
        address = self._own(item.doc_id)
        what = shown(address.url)
        try:
            with self._visitor.asked("GET", address, may_visit=self._may_visit) as answer:
                media_type, charset = _content_type(answer.headers.get("content-type", ""))
                parts = recoded(answer.parts, media_type, charset)
                path = take_in(parts, what, self._options)
        except PageFailed as error:
            raise SourceFailed(f"{what}: {error.message}", retry=error.retry) from None
        name = _file_name(address, media_type)
        return Fetched(name=name, file=path, is_temporary=True, media_type=media_type)

    def close(self) -> None:
        """Close the connection."""
        self._visitor.close()

    def _pages(self) -> Iterator[tuple[WebAddress, Entry] | Skipped]:
        if not self._start.path.lower().endswith(_SITEMAPS):
            yield self._start, Entry(address=self._start.url, is_sitemap=False)
            return
        pending = [(self._start, 1)]
        listed = {self._start.url}
        while pending:
            sitemap, depth = pending.pop()
            for entry in self._entries(sitemap):
                try:
                    address = read_address(entry.address)
                except AddressFault as fault:
                    yield Skipped(what=shown(entry.address), reason=str(fault))
                    continue
                if fault := self._home.fault_of(address):
                    yield Skipped(what=shown(address.url), reason=fault)
                elif not entry.is_sitemap:
                    yield address, entry
                elif address.url not in listed:
                    if depth >= _MOST_NESTED or len(listed) >= _MOST_SITEMAPS:
                        raise self._failed("lists too many sitemaps, or too deep ones")
                    listed.add(address.url)
                    pending.append((address, depth + 1))

    def _entries(self, sitemap: WebAddress) -> Iterator[Entry]:
        """A sitemap that cannot be read ends the listing: its pages would look deleted."""
        what = shown(sitemap.url)
        path: Path | None = None
        try:
            with self._visitor.asked("GET", sitemap, may_visit=self._may_visit) as answer:
                path = take_in(answer.parts, what, self._bounded(MOST_SITEMAP_BYTES))
            yield from read_sitemap(path)
        except PageFailed as error:
            raise SourceFailed(f"{what}: {error.message}", retry=error.retry) from None
        except SitemapFault as fault:
            raise SourceFailed(f"{what} is no sitemap: {fault}", retry=False) from None
        finally:
            if path is not None:
                path.unlink(missing_ok=True)

    def _offered(self, address: WebAddress, entry: Entry) -> tuple[Item | Skipped, bool]:
        """The page's item, and whether the site had trouble with it."""
        known = self._known_before.get(address.url)
        bare = Item(doc_id=address.url, uri=address.url, path=address.plain_path)
        try:
            with self._visitor.asked(
                "HEAD",
                address,
                conditions=known.conditions if known else None,
                may_visit=self._may_visit,
            ) as answer:
                if known and answer.status == HTTPStatus.NOT_MODIFIED:
                    self._known[address.url] = known
                    return known.item, False
                item, conditions = _described(bare, answer.headers, entry)
        except PageFailed as error:
            if error.retry or error.status in _NO_HEAD:
                # It may be there all the same: fetching it will tell.
                return bare, error.retry
            return Skipped(what=shown(address.url), reason=error.message), False
        if item.size_bytes is not None and item.size_bytes > self._options.most_bytes:
            reason = f"larger than {self._options.most_bytes:,} bytes"
            return Skipped(what=shown(address.url), reason=reason), False
        self._known[address.url] = _Known(item=item, conditions=conditions)
        return item, False

    def _may_visit(self, address: WebAddress) -> bool:
        if address.origin not in self._robots:
            self._robots[address.origin] = self._asked_for_robots(address)
        return self._robots[address.origin].permits(address.target)

    def _asked_for_robots(self, address: WebAddress) -> Robots:
        """A site that has none permits all; one that cannot say permits nothing now."""
        place = read_address("/robots.txt", base=address)
        try:
            with self._visitor.asked("GET", place) as answer:
                content = bytearray()
                for part in answer.parts:
                    content += part
                    if len(content) > MOST_ROBOTS_BYTES:
                        break
                return read_robots(bytes(content), USER_AGENT)
        except PageFailed as error:
            if error.status is not None and 400 <= error.status < 500 and not error.retry:
                return Robots()
            raise SourceFailed(f"{shown(place.url)}: {error.message}", retry=True) from None

    def _own(self, url: str) -> WebAddress:
        try:
            address = read_address(url)
        except AddressFault as fault:
            raise SourceFailed(f"{shown(url)} is {fault}", retry=False) from None
        if fault := self._home.fault_of(address):
            raise SourceFailed(f"{shown(url)}: {fault}", retry=False)
        return address

    def _bounded(self, most_bytes: int) -> SourceOptions:
        return SourceOptions(scratch_dir=self._options.scratch_dir, most_bytes=most_bytes)

    def _failed(self, why: str, *, retry: bool = False) -> SourceFailed:
        return SourceFailed(f"{shown(self.name)} {why}", retry=retry)


def _described(bare: Item, headers: Mapping[str, str], entry: Entry) -> tuple[Item, dict[str, str]]:
    """The item with what the site says of it, and how to ask whether it changed."""
    tag, modified = headers.get("etag", ""), headers.get("last-modified", "")
    conditions: dict[str, str] = {}
    token = ""
    if tag and not name_fault(tag):
        conditions["if-none-match"] = tag
        token = f"etag:{tag}"
    elif modified and not name_fault(modified):
        conditions["if-modified-since"] = modified
        token = f"modified:{modified}"
    length = headers.get("content-length", "")
    return replace(
        bare,
        change_token=token,
        size_bytes=int(length) if length.isdecimal() and len(length) < 19 else None,
        dated_s=_http_date(modified) or _iso_date(entry.changed),
    ), conditions


def _http_date(text: str) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp()) if text else None
    except (ValueError, OverflowError):
        return None


def _iso_date(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def _content_type(header: str) -> tuple[str, str | None]:
    """Media type and charset."""
    message = Message()
    message["content-type"] = header
    charset = message.get_content_charset()
    return header.partition(";")[0].strip().lower(), charset


def _file_name(address: WebAddress, media_type: str) -> str:
    """The last part of the path, with the ending that the site's media type asks for."""
    name = PurePosixPath(address.plain_path).name or "index.html"
    usual = None if media_type in _VAGUE else mimetypes.guess_extension(media_type)
    if usual is None or mimetypes.guess_type(name)[0] == media_type:
        return name
    return f"{name}{usual}"
