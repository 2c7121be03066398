"""A site in trouble: gone, slow, huge, broken. Nothing of it is taken for what it is not."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from befit.knowledge.sources import Item, SourceFailed, SourceOptions
from tests.knowledge.sources.site_reading import content_of, items_of, opened, reasons_of
from tests.knowledge.sources.site_server import Handler, Site, running_site


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as running:
        yield running


def test_pages_that_are_gone_are_skipped_and_troubled_ones_still_offered(site: Site) -> None:
    site.pages["/gone"] = lambda handler: handler.answer(410)
    site.pages["/closed"] = lambda handler: handler.answer(403)
    site.pages["/troubled"] = lambda handler: handler.answer(503)
    site.pages["/no-head"] = lambda handler: (
        handler.answer(405) if handler.command == "HEAD" else handler.answer(200, b"here")
    )
    paths = ("/gone", "/closed", "/troubled", "/no-head")
    source = opened(site.sitemap(*(f"{site.origin}{path}" for path in paths)))
    items = items_of(source)
    assert [item.path for item in items] == ["troubled", "no-head"]
    assert [item.change_token for item in items] == ["", ""]
    with pytest.raises(SourceFailed, match="503") as failed:
        source.fetch(items[0])
    assert failed.value.retry
    assert content_of(source, items[1]) == b"here"
    assert set(reasons_of(source).values()) == {"the site answers 410", "the site answers 403"}


def test_a_site_in_trouble_is_asked_again_but_not_for_ever(site: Site) -> None:
    answers = iter((503, 429, 200))
    site.pages["/a"] = lambda handler: handler.answer(next(answers), b"a", retry_after="99999")
    source = opened(f"{site.origin}/a")
    assert len(items_of(source)) == 1
    site.pages["/b"] = lambda handler: handler.answer(503)
    with pytest.raises(SourceFailed):
        source.fetch(Item(doc_id=f"{site.origin}/b", uri="", path="b"))
    assert site.paths("GET").count("/b") == 3


def test_a_site_that_answers_with_errors_only_failed(site: Site) -> None:
    for number in range(20):
        site.pages[f"/{number}"] = lambda handler: handler.answer(500)
    start = site.sitemap(*(f"{site.origin}/{number}" for number in range(20)))
    listing = opened(start).items()
    with pytest.raises(SourceFailed, match="errors only"):
        list(listing)


@pytest.mark.parametrize("status", [404, 500])
def test_a_sitemap_that_cannot_be_had_failed_rather_than_being_empty(
    site: Site, status: int
) -> None:
    site.pages["/two.xml"] = lambda handler: handler.answer(status)
    site.sitemap(f"{site.origin}/a", path="/one.xml")
    start = site.sitemap(
        f"{site.origin}/two.xml", f"{site.origin}/one.xml", path="/i.xml", kind="sitemap"
    )
    site.pages["/a"] = "a"
    listing = opened(start).items()
    with pytest.raises(SourceFailed, match=str(status)):
        list(listing)


def test_a_site_that_is_not_there_fails_and_may_be_tried_later(site: Site) -> None:
    with running_site() as gone:
        address = f"{gone.origin}/a"
    with pytest.raises(SourceFailed, match="does not answer") as failed:
        list(opened(address).items())
    assert failed.value.retry


def test_an_answer_that_trickles_is_cut(site: Site) -> None:
    go_on = threading.Event()

    def trickle(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while handler.command == "GET" and not go_on.wait(0.02):
            handler.wfile.write(b"x")
            handler.wfile.flush()
        handler.close_connection = True

    def never(handler: Handler) -> None:
        go_on.wait(20)
        handler.close_connection = True

    site.pages["/slow"], site.pages["/never"] = trickle, never
    source = opened(f"{site.origin}/slow", whole_s=0.3)
    try:
        for path in ("slow", "never"):
            with pytest.raises(SourceFailed, match="too slowly"):
                source.fetch(Item(doc_id=f"{site.origin}/{path}", uri="", path=path))
    finally:
        go_on.set()


@pytest.mark.parametrize("packed", [False, True])
def test_a_page_larger_than_allowed_is_given_up_and_leaves_nothing(
    site: Site, tmp_path: Path, packed: bool
) -> None:
    def huge(handler: Handler) -> None:
        if handler.command == "HEAD":
            handler.answer(405)
        elif packed:  # a megabyte that unpacks to a gigabyte
            handler.answer(200, gzip.compress(bytes(50_000_000)), content_encoding="gzip")
        else:
            handler.answer(200, bytes(3_000_000))

    site.pages["/huge"] = huge
    source = opened(
        f"{site.origin}/huge", options=SourceOptions(scratch_dir=tmp_path, most_bytes=1_000_000)
    )
    (item,) = items_of(source)
    with pytest.raises(SourceFailed, match="larger than 1,000,000 bytes"):
        source.fetch(item)
    assert list(tmp_path.iterdir()) == []
    site.pages["/huge"] = bytes(3_000_000)
    assert list(reasons_of(source).values()) == ["larger than 1,000,000 bytes"]


def _cut(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("content-length", "100")
    handler.end_headers()
    handler.wfile.write(b"half")
    handler.close_connection = True


def _cut_chunks(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"4\r\nhalf\r\n")
    handler.close_connection = True


def _cut_packed(handler: Handler) -> None:
    handler.answer(200, gzip.compress(b"whole" * 100)[:-9], content_encoding="gzip")


def _no_http(handler: Handler) -> None:
    handler.wfile.write(b"nonsense\r\n\r\n")
    handler.close_connection = True


@pytest.mark.parametrize("broken", [_cut, _cut_chunks, _cut_packed, _no_http])
def test_a_broken_answer_is_never_taken_for_a_whole_one(
    site: Site, tmp_path: Path, broken: Callable[[Handler], None]
) -> None:
    site.pages["/a"] = broken
    source = opened(f"{site.origin}/a", options=SourceOptions(scratch_dir=tmp_path))
    with pytest.raises(SourceFailed) as failed:
        source.fetch(Item(doc_id=f"{site.origin}/a", uri="", path="a"))
    assert failed.value.retry
    assert list(tmp_path.iterdir()) == []
    site.pages["/b"] = "whole"
    assert content_of(source, Item(doc_id=f"{site.origin}/b", uri="", path="b")) == b"whole"
