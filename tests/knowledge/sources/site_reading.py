"""What tests do with a web source: open it without waits, list it, fetch from it."""

from __future__ import annotations

from befit.knowledge.sources import Item, Skipped, SourceOptions
from befit.knowledge.sources.web import WebSite
from befit.knowledge.sources.web.address import Home, read_address
from befit.knowledge.sources.web.visitor import Visitor


def opened(address: str, *, whole_s: float = 10.0, options: SourceOptions | None = None) -> WebSite:
    """A source that does not wait between attempts."""
    visitor = Visitor(Home(start=read_address(address)), pause=lambda _: None, whole_s=whole_s)
    return WebSite(address, options or SourceOptions(), visitor=visitor)


def items_of(source: WebSite) -> list[Item]:
    return [found for found in source.items() if isinstance(found, Item)]


def reasons_of(source: WebSite) -> dict[str, str]:
    return {found.what: found.reason for found in source.items() if isinstance(found, Skipped)}


def content_of(source: WebSite, item: Item) -> bytes:
    fetched = source.fetch(item)
    assert fetched.file is not None
    assert fetched.is_temporary
    content = fetched.file.read_bytes()
    fetched.file.unlink()
    return content
