"""`pull_hub`: a GGUF file from a model hub, resumed where it broke off.

The hub is `HF_ENDPOINT` (a company's mirror) or the usual one. It names the file's
SHA-256 in its `X-Linked-Etag`, which is checked; a hub that names none is taken at its
word, and the manifest says so.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote, urljoin, urlsplit

from befit.errors import InvalidRequest, NotFound, WeightsMissing
from befit.inference.embedded.weights.cache import FileEntry, Weights, WeightsCache, sha256_of
from befit.inference.embedded.weights.gguf import place_gguf
from befit.vocabulary import Progress, silent

_USUAL_HUB = "https://huggingface.co"
_BLOCK = 1 << 20
_TIMEOUT_S = 60
_ATTEMPTS = 5
_REDIRECTS = 5
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REFERENCE = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)/(?P<file>[\w./ -]+\.gguf)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Remote:
    url: str
    etag: str
    size: int

    @property
    def sha256(self) -> str | None:
        return self.etag if _SHA256.fullmatch(self.etag) else None


def pull_hub(reference: str, name: str | None = None, *, progress: Progress = silent) -> Weights:
    """Download `REPO/FILE` into the cache as weights. Blocking: call it from a thread.

    A download that breaks is resumed, by this call and by a later one.

    Args:
        reference: such as `org/model-GGUF/model.Q4_K_M.gguf`.
        name: what to call them; default from the file's name.
        progress: told of the stage `download`, in bytes.

    Raises:
        InvalidRequest: `reference` is not of this form, or the file is no GGUF.
        NotFound: the hub has no such file, or wants a token (`HF_TOKEN`).
        WeightsMissing: the hub cannot be reached, or the hash is not the one it named.
    """
    match = _REFERENCE.fullmatch(reference.removeprefix("hf:"))
    if not match or ".." in reference:
        raise InvalidRequest(
            f"{reference!r} is not REPO/FILE",
            next_step="write hf:org/model-GGUF/model.Q4_K_M.gguf",
            param="reference",
        )
    hub = os.environ.get("HF_ENDPOINT", _USUAL_HUB).rstrip("/")
    url = f"{hub}/{match['repo']}/resolve/main/{quote(match['file'])}"
    cache = WeightsCache.of_user()
    partial = cache.root / f".part-{hashlib.sha256(url.encode()).hexdigest()[:24]}"
    cache.root.mkdir(parents=True, exist_ok=True)
    remote = _located(url)
    _download(remote, partial, progress)
    entry = _verified(remote, partial)
    with cache.staged() as folder:
        partial.rename(folder / "model.gguf")
        partial.with_suffix(".etag").unlink(missing_ok=True)
        trust = "sha256 named by the hub" if remote.sha256 else "no hash named by the hub"
        chosen = name or Path(match["file"]).stem
        return place_gguf(folder, chosen, entry=entry, source=f"{url} ({trust})")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are followed by hand: a token must not travel to another host."""

    def http_error_302(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
    ) -> None:
        """Leave the redirect to the caller, who sees it as an `HTTPError`."""

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _open(url: str, headers: dict[str, str], *, method: str = "GET") -> http.client.HTTPResponse:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise InvalidRequest(f"{url} is neither http nor https", param="HF_ENDPOINT")
    request = urllib.request.Request(url, headers=headers, method=method)  # noqa: S310 - checked
    opener = urllib.request.build_opener(_NoRedirect())
    return opener.open(request, timeout=_TIMEOUT_S)


def _located(url: str) -> _Remote:
    """Follow the hub's redirects to where the bytes lie, gathering what it says of them."""
    token = os.environ.get("HF_TOKEN")
    home = urlsplit(url).netloc
    etag, size, place = "", 0, url
    for _ in range(_REDIRECTS):
        own = token and urlsplit(place).netloc == home
        try:
            with _open(
                place, {"Authorization": f"Bearer {token}"} if own else {}, method="HEAD"
            ) as r:
                headers, onwards = r.headers, None
        except urllib.error.HTTPError as error:
            headers, onwards = error.headers, error.headers.get("Location")
            if error.code not in {301, 302, 303, 307, 308} or not onwards:
                raise _refused(url, error.code) from None
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(url, error) from None
        etag = etag or (headers.get("X-Linked-Etag") or "").strip('W/"')
        size = size or int(headers.get("X-Linked-Size") or 0)
        if onwards is None:
            etag = etag or (headers.get("ETag") or "").strip('W/"')
            return _Remote(
                url=place, etag=etag, size=size or int(headers.get("Content-Length") or 0)
            )
        place = urljoin(place, onwards)
    raise _unreachable(url, OSError(f"more than {_REDIRECTS} redirects"))


def _download(remote: _Remote, partial: Path, progress: Progress) -> None:
    mark = partial.with_suffix(".etag")
    if not (mark.is_file() and remote.etag and mark.read_text() == remote.etag):
        partial.unlink(missing_ok=True)
        mark.write_text(remote.etag)
    stalled = 0
    while True:
        had = partial.stat().st_size if partial.exists() else 0
        if remote.size and had >= remote.size:
            return
        try:
            _fetch(remote, partial, progress)
            if not remote.size:
                return
        except urllib.error.HTTPError as error:
            raise _refused(remote.url, error.code) from None
        except (OSError, http.client.HTTPException) as error:
            got = partial.stat().st_size if partial.exists() else 0
            stalled = 0 if got > had else stalled + 1
            if stalled >= _ATTEMPTS:
                raise _unreachable(remote.url, error) from None


def _fetch(remote: _Remote, partial: Path, progress: Progress) -> None:
    had = partial.stat().st_size if partial.exists() else 0
    token = os.environ.get("HF_TOKEN")
    headers = {"Range": f"bytes={had}-"} if had else {}
    if (
        token
        and urlsplit(remote.url).netloc
        == urlsplit(os.environ.get("HF_ENDPOINT", _USUAL_HUB)).netloc
    ):
        headers["Authorization"] = f"Bearer {token}"
    with _open(remote.url, headers) as response:
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        with partial.open("ab" if resumed else "wb") as file:
            _copy(response, file, done=had if resumed else 0, total=remote.size, progress=progress)
            file.flush()
            os.fsync(file.fileno())


def _copy(
    source: http.client.HTTPResponse,
    target: IO[bytes],
    *,
    done: int,
    total: int,
    progress: Progress,
) -> None:
    while block := source.read(_BLOCK):
        target.write(block)
        done += len(block)
        progress("download", done, total or done)
    if total and done < total:
        raise http.client.IncompleteRead(b"", total - done)


def _verified(remote: _Remote, partial: Path) -> FileEntry:
    found = sha256_of(partial)
    size = partial.stat().st_size
    if (remote.sha256 and found != remote.sha256) or (remote.size and size != remote.size):
        partial.unlink()
        raise WeightsMissing(
            f"{remote.url} came with SHA-256 {found} and {size} bytes; the hub named "
            f"{remote.etag or 'no hash'} and {remote.size} bytes",
            next_step="the file was discarded; pull it again, or ask who runs the mirror",
        )
    return FileEntry(sha256=found, bytes=size)


def _refused(url: str, code: int) -> NotFound | WeightsMissing:
    if code in {401, 403, 404}:
        return NotFound(
            f"the hub answered {code} for {url}",
            next_step="check repository and file name, or set HF_TOKEN where it is gated",
        )
    return WeightsMissing(f"the hub answered {code} for {url}", next_step="try again later")


def _unreachable(url: str, error: Exception) -> WeightsMissing:
    return WeightsMissing(
        f"{url} cannot be fetched: {error}",
        next_step="set HF_ENDPOINT to a mirror that this machine reaches, or bring the file "
        "and use `befit pull --gguf FILE`; running it again resumes",
    )
