"""A GGUF file from a hub on loopback: redirected, resumed, verified, placed."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from befit.errors import InvalidRequest, NotFound, WeightsMissing
from befit.inference.embedded.weights import located, pull_hub
from tests.inference.embedded.test_weights import gguf

REFERENCE = "maker/tiny-GGUF/tiny.Q4.gguf"


@dataclass
class Hub:
    """What the hub serves and what it has seen. `breaks` cuts that many downloads short."""

    content: bytes = gguf(tensor_bytes=3_000_000)
    etag: str | None = None
    breaks: int = 0
    honours_range: bool = True
    ranges: list[str | None] = field(default_factory=list)
    tokens: dict[str, str | None] = field(default_factory=dict)
    url: str = ""
    store: str = ""


class HubServer(ThreadingHTTPServer):
    """The loopback hub; its handlers find `hub` here."""

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.hub = hub


class Handler(BaseHTTPRequestHandler):
    """The hub's two addresses: where a file is named, and where its bytes lie."""

    server: HubServer

    def log_message(self, *_: object) -> None: ...

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        self.server.hub.tokens[self.path] = self.headers["Authorization"]
        if self.path == f"/{REFERENCE.replace('/tiny.Q4', '/resolve/main/tiny.Q4')}":
            self.named(self.server.hub)
        elif self.path == "/blob":
            self.blob(self.server.hub, body=body)
        else:
            self.send_error(404)

    def named(self, hub: Hub) -> None:
        self.send_response(302)
        self.send_header("Location", f"{hub.store}/blob")
        if hub.etag:
            self.send_header("X-Linked-Etag", f'"{hub.etag}"')
        self.send_header("X-Linked-Size", str(len(hub.content)))
        self.end_headers()

    def blob(self, hub: Hub, *, body: bool) -> None:
        start = 0
        wanted = self.headers["Range"] if body and hub.honours_range else None
        if body:
            hub.ranges.append(self.headers["Range"])
        if wanted:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        rest = hub.content[start:]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if not body:
            return
        if hub.breaks:
            hub.breaks -= 1
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)


@pytest.fixture
def hub(monkeypatch, tmp_path) -> Iterator[Hub]:
    monkeypatch.setenv("BEFIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    hub = Hub()
    hub.etag = hashlib.sha256(hub.content).hexdigest()
    server = HubServer(hub)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    hub.store = f"http://localhost:{server.server_port}"  # another host than the hub's
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    yield hub
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_fetched_verified_and_placed_under_its_name(hub) -> None:
    told: list[tuple[str, int, int]] = []
    weights = pull_hub(f"hf:{REFERENCE}", progress=lambda *step: told.append(step))
    assert weights.name == "tiny.q4"
    assert located("tiny.q4").main.read_bytes() == hub.content
    assert told[-1] == ("download", len(hub.content), len(hub.content))
    assert hub.url in weights.manifest.source


def test_a_download_that_breaks_is_resumed_where_it_broke(hub) -> None:
    hub.breaks = 2
    assert pull_hub(REFERENCE).main.read_bytes() == hub.content
    first, second, third = hub.ranges
    assert first is None
    assert second == f"bytes={len(hub.content) // 2}-"
    assert third is not None


def test_a_later_pull_resumes_what_an_earlier_one_left(hub, monkeypatch) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(stage: str, done: int, total: int) -> None:
        if done >= 1 << 20:
            raise Interrupted

    with pytest.raises(Interrupted):
        pull_hub(REFERENCE, progress=interrupt)
    hub.ranges.clear()
    assert pull_hub(REFERENCE).main.read_bytes() == hub.content
    assert hub.ranges[0] is not None
    assert int(hub.ranges[0].removeprefix("bytes=").removesuffix("-")) >= 1 << 20


def test_a_file_that_changed_on_the_hub_is_begun_anew(hub) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(stage: str, done: int, total: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        pull_hub(REFERENCE, progress=interrupt)
    hub.content = gguf(tensor_bytes=2_500_000, context=64)
    hub.etag = hashlib.sha256(hub.content).hexdigest()
    hub.ranges.clear()
    assert pull_hub(REFERENCE).manifest.context_length == 64
    assert hub.ranges == [None]


def test_a_hub_without_ranges_is_read_from_the_start(hub) -> None:
    hub.honours_range, hub.breaks = False, 1
    assert pull_hub(REFERENCE).main.read_bytes() == hub.content


def test_another_hash_than_the_hub_named_is_discarded(hub, tmp_path) -> None:
    hub.etag = "0" * 64
    with pytest.raises(WeightsMissing, match="0" * 64):
        pull_hub(REFERENCE)
    assert not list((tmp_path / "cache" / "weights").glob(".part-????????????????????????"))
    with pytest.raises(WeightsMissing):
        located("tiny.q4")


def test_a_hub_that_names_no_hash_is_said_so_in_the_manifest(hub) -> None:
    hub.etag = None
    assert "no hash named by the hub" in pull_hub(REFERENCE).manifest.source


def test_a_file_that_is_no_gguf_is_not_placed(hub) -> None:
    hub.content = b"<html>sign in</html>"
    hub.etag = hashlib.sha256(hub.content).hexdigest()
    with pytest.raises(InvalidRequest, match="not a usable GGUF"):
        pull_hub(REFERENCE)
    with pytest.raises(WeightsMissing):
        located("tiny.q4")


def test_a_token_goes_to_the_hub_and_to_no_other_host(hub, monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_test_only")
    pull_hub(REFERENCE)
    assert hub.tokens.pop("/blob") is None
    assert set(hub.tokens.values()) == {"Bearer hf_test_only"}


def test_a_missing_file_and_an_absent_hub_say_what_next(hub, monkeypatch) -> None:
    with pytest.raises(NotFound, match="404"):
        pull_hub("maker/tiny-GGUF/other.gguf")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsMissing, match="HF_ENDPOINT"):
        pull_hub(REFERENCE)


@pytest.mark.parametrize("reference", ["tiny.gguf", "a/b", "a/../b/c.gguf", "a/b/c.bin", ""])
def test_a_reference_of_another_form_is_refused(hub, reference) -> None:
    with pytest.raises(InvalidRequest, match="REPO/FILE"):
        pull_hub(reference)


def test_only_http_is_spoken(hub, monkeypatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "file:///etc")
    with pytest.raises(InvalidRequest, match="neither http nor https"):
        pull_hub(REFERENCE)
