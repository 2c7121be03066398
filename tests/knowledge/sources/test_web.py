"""A site is read as it asks to be, within bounds, and no further than its own host."""

from __future__ import annotations

import datetime
import gzip
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from befit.errors import InvalidRequest
from befit.knowledge.sources import Item, SourceFailed, open_source
from tests.knowledge.sources.site_reading import content_of, items_of, opened, reasons_of
from tests.knowledge.sources.site_server import Handler, Site, moved, running_site


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as running:
        yield running


def test_a_page_is_a_source_of_one_document(site: Site) -> None:
    site.pages["/hr/pay"] = lambda handler: handler.answer(
        200,
        b"<p>Pay day</p>",
        content_type="text/html; charset=utf-8",
        etag='"v1"',
        last_modified="Thu, 01 Jan 1970 00:01:00 GMT",
    )
    source = open_source(f"{site.origin}/hr/pay")
    assert source.name == f"{site.origin}/hr/pay"
    (item,) = source.items()
    assert isinstance(item, Item)
    assert item.doc_id == item.uri == f"{site.origin}/hr/pay"
    assert item.path == "hr/pay"
    assert item.change_token == 'etag:"v1"'
    assert item.dated_s == 60
    assert item.size_bytes == 14
    fetched = source.fetch(item)
    assert (fetched.name, fetched.media_type) == ("pay.html", "text/html")
    assert fetched.file is not None
    assert fetched.file.read_bytes() == b"<p>Pay day</p>"
    fetched.file.unlink()
    assert {headers["user-agent"] for _, _, headers in site.asked} == {"befit"}


@pytest.mark.parametrize("path", ["/sitemap.xml", "/sitemap.xml.gz"])
def test_the_pages_of_a_sitemap_come_in_its_order(site: Site, path: str) -> None:
    for name in ("b", "a", "c"):
        site.pages[f"/{name}.html"] = f"<p>{name}</p>"
    start = site.sitemap(
        f"{site.origin}/b.html",
        f"{site.origin}/a.html#part",
        f"{site.origin}/b.html",
        f"{site.origin}/c.html?x=1",
        path=path,
    )
    site.pages["/c.html?x=1"] = "<p>c</p>"
    source = opened(start)
    items = items_of(source)
    assert [item.doc_id.removeprefix(site.origin) for item in items] == [
        "/b.html",
        "/a.html",
        "/c.html?x=1",
    ]
    assert [item.path for item in items] == ["b.html", "a.html", "c.html"]
    assert content_of(source, items[2]) == b"<p>c</p>"


def test_a_packed_sitemap_is_known_by_its_bytes(site: Site) -> None:
    site.pages["/a.html"] = "a"
    start = site.sitemap(f"{site.origin}/a.html")
    plain = site.pages["/sitemap.xml"]
    assert isinstance(plain, str)
    site.pages["/sitemap.xml"] = gzip.compress(plain.encode())
    assert len(items_of(opened(start))) == 1
    site.pages["/sitemap.xml"] = lambda handler: handler.answer(
        200, gzip.compress(plain.encode()), content_encoding="gzip"
    )
    assert len(items_of(opened(start))) == 1


def test_an_index_leads_to_its_sitemaps_once_each(site: Site) -> None:
    for name in ("one", "two"):
        site.pages[f"/{name}.html"] = name
        site.sitemap(f"{site.origin}/{name}.html", path=f"/{name}.xml")
    start = site.sitemap(
        f"{site.origin}/one.xml",
        f"{site.origin}/two.xml",
        f"{site.origin}/one.xml",
        f"{site.origin}/index.xml",
        path="/index.xml",
        kind="sitemap",
    )
    assert {item.path for item in items_of(opened(start))} == {"one.html", "two.html"}
    assert site.paths("GET").count("/one.xml") == 1


def test_sitemaps_within_sitemaps_end_somewhere(site: Site) -> None:
    for depth in range(5):
        site.sitemap(f"{site.origin}/{depth + 1}.xml", path=f"/{depth}.xml", kind="sitemap")
    with pytest.raises(SourceFailed, match="too many sitemaps, or too deep"):
        list(opened(f"{site.origin}/0.xml").items())


def test_entries_that_lead_elsewhere_are_skipped_and_never_asked(site: Site) -> None:
    with running_site() as other:
        other.pages["/x"] = "x"
        start = site.sitemap(
            f"{other.origin}/x",
            "http://169.254.169.254/latest/meta-data",
            "http://localhost/x",
            "http://[::1]/x",
            "http://127.1/x",
            f"https://user:word@127.0.0.1:{site.port}/x",
            "file:///etc/passwd",
            "gopher://127.0.0.1/x",
            "/relative",
            f"{site.origin}/%2e%2e/x",
            f"{site.origin}/a%0Ab",
        )
        source = opened(start)
        assert items_of(source) == []
        reasons = reasons_of(source)
        assert len(reasons) == 11
        assert reasons[f"{other.origin}/x"] == f"it leads to another port, {other.port}"
        assert reasons["http://169.254.169.254/latest/meta-data"].startswith(
            "it leads to another host"
        )
        assert other.asked == []
        assert set(site.paths("HEAD")) == set()


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/", "http://localhost:1/", "//example.com/", "file:///etc/passwd", ""],
)
def test_a_redirect_away_is_not_followed(site: Site, target: str) -> None:
    site.pages["/away"] = moved(target)
    source = opened(site.sitemap(f"{site.origin}/away"))
    (reason,) = reasons_of(source).values()
    assert reason.startswith("it is redirected")
    with pytest.raises(SourceFailed, match="it is redirected"):
        source.fetch(Item(doc_id=f"{site.origin}/away", uri="", path="away"))


def test_a_redirect_within_the_host_is_followed_and_the_name_stays(site: Site) -> None:
    site.pages["/old"] = moved("/new", 301)
    site.pages["/new"] = "new"
    source = opened(f"{site.origin}/old")
    (item,) = items_of(source)
    assert item.doc_id == f"{site.origin}/old"
    assert content_of(source, item) == b"new"


def test_redirects_in_a_circle_end(site: Site) -> None:
    site.pages["/round"] = moved("/round")
    assert list(reasons_of(opened(f"{site.origin}/round")).values()) == ["more than 5 redirects"]


def test_robots_are_respected_on_every_way(site: Site) -> None:
    site.pages["/robots.txt"] = "User-agent: *\nDisallow: /private\nDisallow: /*.pdf$\n"
    for path in ("/open", "/private/a", "/b.pdf", "/c.pdf?download"):
        site.pages[path] = "x"
    site.pages["/way"] = moved("/private/a")
    start = site.sitemap(
        *(f"{site.origin}{path}" for path in ("/open", "/private/a", "/b.pdf", "/way"))
    )
    source = opened(start)
    assert [item.path for item in items_of(source)] == ["open"]
    assert set(reasons_of(source).values()) == {"robots.txt does not allow it"}
    with pytest.raises(SourceFailed, match="robots"):
        source.fetch(Item(doc_id=f"{site.origin}/private/a", uri="", path="private/a"))
    assert "/private/a" not in {path for _, path, _ in site.asked}


def test_a_site_that_cannot_say_what_robots_may_do_is_left_alone(site: Site) -> None:
    site.pages["/robots.txt"] = lambda handler: handler.answer(500)
    site.pages["/a"] = "a"
    with pytest.raises(SourceFailed, match="robots") as failed:
        list(opened(f"{site.origin}/a").items())
    assert failed.value.retry
    assert "/a" not in {path for _, path, _ in site.asked}


def test_an_unchanged_page_is_told_by_its_validator(site: Site) -> None:
    def page(handler: Handler) -> None:
        if handler.headers["if-none-match"] == '"v1"':
            handler.answer(304, etag='"v1"')
        else:
            handler.answer(200, b"text", etag='"v1"')

    site.pages["/a"] = page
    source = opened(f"{site.origin}/a")
    first, second = items_of(source), items_of(source)
    assert first == second
    asked = [headers.get("if-none-match") for _, path, headers in site.asked if path == "/a"]
    assert asked == [None, '"v1"']
    assert content_of(source, second[0]) == b"text"


def test_an_answer_of_no_change_that_was_not_asked_for_is_no_content(site: Site) -> None:
    site.pages["/a"] = lambda handler: handler.answer(304)
    source = opened(f"{site.origin}/a")
    assert list(reasons_of(source).values()) == ["the site answers 304"]
    with pytest.raises(SourceFailed):
        source.fetch(Item(doc_id=f"{site.origin}/a", uri="", path="a"))


def test_a_page_without_validators_has_no_token(site: Site) -> None:
    site.pages["/a"] = "a"
    site.pages["/b"] = lambda handler: handler.answer(
        200, b"b", last_modified="Thu, 01 Jan 1970 00:01:00 GMT"
    )
    start = site.sitemap(f"{site.origin}/a", f"{site.origin}/b")
    assert [item.change_token for item in items_of(opened(start))] == [
        "",
        "modified:Thu, 01 Jan 1970 00:01:00 GMT",
    ]


def test_a_packing_that_is_unknown_is_refused(site: Site) -> None:
    site.pages["/a"] = lambda handler: handler.answer(200, b"\x1b", content_encoding="br")
    with pytest.raises(SourceFailed, match="packed in an unknown way"):
        opened(f"{site.origin}/a").fetch(Item(doc_id=f"{site.origin}/a", uri="", path="a"))


def test_text_comes_in_utf_8_where_the_site_names_another_encoding(site: Site) -> None:
    site.pages["/a"] = lambda handler: handler.answer(
        200, "<p>Grüße €</p>".encode("cp1252"), content_type="text/html; charset=ISO-8859-1"
    )
    source = opened(f"{site.origin}/a")
    (item,) = items_of(source)
    assert content_of(source, item).decode("utf-8-sig") == "<p>Grüße €</p>"


@pytest.mark.parametrize(
    ("path", "media_type", "name"),
    [
        ("/docs/", "text/html", "index.html"),
        ("/page.php", "text/html", "page.php.html"),
        ("/plan.docx", "application/octet-stream", "plan.docx"),
        ("/notes.md", "text/plain", "notes.md"),
        ("/report", "application/pdf", "report.pdf"),
    ],
)
def test_a_file_is_named_by_its_path_and_what_the_site_calls_it(
    site: Site, path: str, media_type: str, name: str
) -> None:
    site.pages[path] = lambda handler: handler.answer(200, b"x", content_type=media_type)
    source = opened(f"{site.origin}{path}")
    fetched = source.fetch(items_of(source)[0])
    assert fetched.name == name
    assert fetched.file is not None
    fetched.file.unlink()


def test_one_connection_serves_a_whole_listing(site: Site) -> None:
    ports = set[int]()

    def page(handler: Handler) -> None:
        ports.add(handler.client_address[1])
        handler.answer(200, b"x" * 100)

    for number in range(20):
        site.pages[f"/{number}"] = page
    start = site.sitemap(*(f"{site.origin}/{number}" for number in range(20)))
    source = opened(start)
    for item in items_of(source):
        assert content_of(source, item) == b"x" * 100
    assert len(ports) == 2  # one for the listing, one for the fetches after it


def test_a_certificate_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = _certificate(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files)
    with running_site(server) as site:
        site.pages["/a"] = "text"
        with pytest.raises(SourceFailed, match="is not trusted") as failed:
            list(opened(f"{site.origin}/a").items())
        assert not failed.value.retry
        monkeypatch.setenv("SSL_CERT_FILE", str(files))
        source = opened(f"{site.origin}/a")
        (item,) = items_of(source)
        assert content_of(source, item) == b"text"


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "site.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return folder / "site.pem"


@pytest.mark.parametrize(
    "address",
    [
        "http://",
        "http://user:word@host/x",
        "http://host/x?key=word",
        "http://ho st/",
        "https://a\\b/",
    ],
)
def test_an_address_that_may_hold_a_secret_or_mislead_is_refused_without_quoting_it(
    address: str,
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        open_source(address)
    assert "word" not in str(refused.value).replace("password", "")
