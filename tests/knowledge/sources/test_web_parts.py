"""Addresses, names that lead elsewhere, robots and sitemaps, each by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.knowledge.sources import SourceFailed
from befit.knowledge.sources.web.address import AddressFault, Home, read_address
from befit.knowledge.sources.web.connection import Dialler
from befit.knowledge.sources.web.robots import read_robots
from befit.knowledge.sources.web.sitemap import SitemapFault, read_sitemap


@pytest.mark.parametrize(
    ("start", "entry", "fault"),
    [
        ("https://a.example/", "https://a.example/x", None),
        ("https://a.example/", "https://A.example.:443/x", None),
        ("http://a.example/", "https://a.example/x", None),
        ("https://a.example/", "http://a.example/x", "from https to http"),
        ("https://a.example/", "https://b.example/x", "another host"),
        ("https://a.example/", "https://a.example.evil.example/x", "another host"),
        ("https://a.example/", "https://a.example:8443/x", "another port"),
        ("http://a.example/", "http://a.example:6379/x", "another port"),
        ("http://a.example:8080/", "http://a.example/x", "another port"),
    ],
)
def test_a_site_is_one_host_and_no_lower_than_it_began(
    start: str, entry: str, fault: str | None
) -> None:
    found = Home(start=read_address(start)).fault_of(read_address(entry))
    assert (fault in (found or "")) if fault else found is None


@given(text=st.text(max_size=40) | st.text(alphabet="htps:/.@\\#?%2eab[]", max_size=40))
def test_whatever_stands_for_an_address_is_read_one_way_or_not_at_all(text: str) -> None:
    base = read_address("http://a.example/x/")
    for given_base in (base, None):
        try:
            address = read_address(text, base=given_base)
        except AddressFault:
            continue
        assert read_address(address.url) == address
        assert ".." not in address.plain_path.split("/")
        assert "@" not in address.origin


def test_a_name_that_led_outside_is_not_followed_inside() -> None:
    answers = iter((["93.184.216.34", "10.0.0.7"], ["10.0.0.7"], ["::ffff:127.0.0.1"]))
    dialler = Dialler("a.example", resolve=lambda host, port: next(answers))
    assert dialler.places(443) == ["93.184.216.34"]
    for _ in range(2):
        with pytest.raises(SourceFailed, match="leads to one of this network now") as failed:
            dialler.places(443)
        assert not failed.value.retry


def test_a_name_of_the_companys_own_network_may_be_named() -> None:
    dialler = Dialler("intranet", resolve=lambda host, port: ["10.0.0.7", "10.0.0.7"])
    assert dialler.places(80) == ["10.0.0.7"]


@pytest.mark.parametrize(
    ("rules", "target", "permitted"),
    [
        ("User-agent: *\nDisallow: /", "/a", False),
        ("User-agent: *\nDisallow:", "/a", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: Befit\nDisallow: /b", "/a", True),
        ("User-agent: befit\nUser-agent: other\nDisallow: /b # why", "/b/c", False),
        ("User-agent: other\nDisallow: /", "/a", True),
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("User-agent: *\nAllow: /a\nDisallow: /a", "/a", True),
        ("User-agent: *\nDisallow: /*.pdf$", "/x/y.pdf", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/x/y.pdf?z", True),
        ("User-agent: *\nDisallow: /*/private/*x", "/a/private/bcx/d", False),
        ("User-agent: *\nDisallow: /a$", "/ab", True),
        ("User-agent: *\nDisallow: *secret*", "/my/secret", False),
        ("User-agent: *\nDisallow: /%7Ejo", "/~jo/x", False),
        ("User-agent: *\nDisallow: /gr\u00fc\u00dfe", "/gr%C3%BC%C3%9Fe", False),
        ("User-agent: *\nDisallow: /a%2Fb", "/a/b", True),
        ("User-agent: *\nDisallow: /", "/robots.txt", True),
        ("\ufeffDisallow: /\nnonsense\nUser-agent: *\nCrawl-delay: 5\nDisallow: /x", "/x", False),
    ],
)
def test_the_longest_rule_of_our_group_decides(rules: str, target: str, permitted: bool) -> None:
    assert read_robots(rules.encode(), "befit").permits(target) is permitted


@given(pattern=st.text(alphabet="/a*$", max_size=30), path=st.text(alphabet="/a", max_size=60))
def test_a_pattern_matches_as_it_says(pattern: str, path: str) -> None:
    import re

    is_whole = pattern.endswith("$")
    plain = pattern[:-1] if is_whole else pattern
    meant = ".*".join(map(re.escape, plain.split("*"))) + ("$" if is_whole else "")
    robots = read_robots(f"User-agent: *\nDisallow: {pattern}".encode(), "befit")
    expected = pattern == "" or re.match(meant, "/" + path) is None
    # A `$` within the pattern is a letter of it, which quoting leaves as it is.
    assert robots.permits("/" + path) is expected


def read(tmp_path: Path, content: bytes) -> list[str]:
    (tmp_path / "sitemap").write_bytes(content)
    return [entry.address for entry in read_sitemap(tmp_path / "sitemap")]


def test_only_the_addresses_of_pages_count(tmp_path: Path) -> None:
    content = (
        b'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:i="urn:i">'
        b"<url><i:image><i:loc>http://a/image</i:loc></i:image>"
        b"<loc> http://a/<![CDATA[x&y]]>&amp;z </loc><lastmod>2026-01-01</lastmod></url>"
        b"<url><lastmod>2026-01-01</lastmod></url><loc>http://a/stray</loc></urlset>"
    )
    assert read(tmp_path, content) == ["http://a/x&y&z"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"<html><body>Not found</body></html>", "neither `urlset`"),
        (b"<urlset><url><loc>http://a/", "not XML"),
        (b"", "not XML"),
        (b"\x1f\x8bbroken", "not a whole gzip file"),
        (
            b'<!DOCTYPE urlset [<!ENTITY a "aaaa">]><urlset><url><loc>&a;</loc></url></urlset>',
            "document type",
        ),
        (b"<urlset>" + b"<a>" * 30, "nested too deeply"),
        (b"<urlset>" + b" " * (51 * 1024 * 1024), "larger than"),
    ],
)
def test_what_is_no_sitemap_is_told(tmp_path: Path, content: bytes, fault: str) -> None:
    with pytest.raises(SitemapFault, match=fault):
        read(tmp_path, content)


def test_a_sitemap_with_too_many_entries_is_told(tmp_path: Path) -> None:
    entries = b"".join(b"<url><loc>http://a/%d</loc></url>" % each for each in range(50_001))
    with pytest.raises(SitemapFault, match="more than 50,000 entries"):
        read(tmp_path, b"<urlset>" + entries + b"</urlset>")
