"""`open_source`: from an address to the adapter that reads it."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

from befit.errors import InvalidRequest
from befit.knowledge.sources.bucket import SCHEMES, Bucket
from befit.knowledge.sources.installed import CheckedSource, installed_source
from befit.knowledge.sources.json_lines import JsonLines
from befit.knowledge.sources.local_files import LocalFiles
from befit.knowledge.sources.naming import name_fault, shown
from befit.knowledge.sources.objects import ObjectStore
from befit.knowledge.sources.options import SourceOptions
from befit.knowledge.sources.remote_files import SCHEMES as REMOTE_SCHEMES
from befit.knowledge.sources.remote_files import remote_files
from befit.knowledge.sources.source import Source
from befit.knowledge.sources.web import WebSite

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://")
_ROWS = (".jsonl", ".jsonl.gz")
_WEB = frozenset({"http", "https"})


def open_source(address: str, options: SourceOptions | None = None) -> Source:
    """The source that an address means. Looks at local files; reaches for nothing else yet.

    Args:
        address: a folder, a file, a `.jsonl` or `.jsonl.gz` file of documents, `s3://`, `gs://`
            or `az://` with bucket and prefix, a page or sitemap by `http(s)://`, a folder of
            another machine by `sftp://`, `smb://` or `hdfs://`, or what an installed adapter
            (entry point `befit.sources`) reads, by its scheme.

    Raises:
        InvalidRequest: there is no such file, or no adapter for the scheme.
        MissingExtra: the adapter's library is not installed.
        SourceFailed: an installed adapter cannot be set up.
    """
    options = options or SourceOptions()
    match = _SCHEME.match(address)
    scheme = match[1] if match else "file"
    if scheme == "file":
        return _local(address, options)
    if scheme in SCHEMES:
        bucket, _, prefix = address.removeprefix(f"{scheme}://").partition("/")
        return ObjectStore(Bucket(scheme, bucket, options), prefix.strip("/"), options)
    if scheme in _WEB:
        return WebSite(address, options)
    if scheme in REMOTE_SCHEMES:
        return CheckedSource(remote_files(scheme, address, options), scheme)
    return installed_source(scheme, address)


def _local(address: str, options: SourceOptions) -> Source:
    path = Path(address)
    if address.startswith("file://"):
        parts = urlsplit(address)
        if parts.netloc not in {"", "localhost"}:
            raise InvalidRequest(
                f"{shown(address)} names another machine",
                next_step="write file:///folder, with three strokes",
                param="source",
            )
        path = Path(unquote(parts.path))
    try:
        real = path.resolve(strict=True)
        mode = real.stat().st_mode
    except (OSError, RuntimeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no such path"
        raise InvalidRequest(
            f"cannot read {shown(address)}: {why}",
            next_step="check the path and its owner",
            param="source",
        ) from None
    if fault := name_fault(str(real)):
        raise InvalidRequest(f"{shown(address)}: {fault}", param="source")
    if stat.S_ISDIR(mode):
        return LocalFiles(real, options)
    if not stat.S_ISREG(mode):
        raise InvalidRequest(
            f"{shown(address)} is neither a folder nor a regular file", param="source"
        )
    if real.name.lower().endswith(_ROWS):
        return JsonLines(real, options)
    return LocalFiles(real.parent, options, only=real.name)
