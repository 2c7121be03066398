"""A web site on loopback that behaves as a test asks."""

from __future__ import annotations

import gzip
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

Page = bytes | str | Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers from `pages`, by path."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65_536
    site: ClassVar[Site]

    def do_GET(self) -> None:
        self.site.asked.append((self.command, self.path, dict(self.headers)))
        page = self.site.pages.get(self.path)
        if page is None:
            self.answer(404, b"none")
        elif callable(page):
            page(self)
        else:
            self.answer(200, page if isinstance(page, bytes) else page.encode())

    def do_HEAD(self) -> None:
        self.do_GET()

    def answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("content_length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD" and status != 304:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class Site:
    """Its pages, and what was asked of it."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.port = port
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    def paths(self, method: str) -> list[str]:
        return [path for asked, path, _ in self.asked if asked == method]

    def sitemap(self, *addresses: str, path: str = "/sitemap.xml", kind: str = "url") -> str:
        outer = "urlset" if kind == "url" else "sitemapindex"
        inner = "".join(f"<{kind}><loc>{each}</loc></{kind}>" for each in addresses)
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<{outer} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{inner}</{outer}>'
        )
        self.pages[path] = gzip.compress(xml.encode()) if path.endswith(".gz") else xml
        return f"{self.origin}{path}"


@contextmanager
def running_site(tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """A site on a free port, until the block ends."""
    handler = type("SiteHandler", (Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    site = Site(server.server_address[1])
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        site.origin = f"https://127.0.0.1:{site.port}"
    handler.site = site
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def moved(target: str, status: int = 302) -> Callable[[Handler], None]:
    """A page that is elsewhere."""
    return lambda handler: handler.answer(status, location=target)
