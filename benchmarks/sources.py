"""How quickly sources are listed and fetched, and what memory that takes.

    python -m benchmarks.sources [--count 100000] [--objects 20000]

Files of a folder, rows of a JSON Lines file plain and packed, and objects of a store on
loopback (a server in Python, so its own time is most of what is measured there).
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from befit.knowledge.sources import Item, Source, SourceOptions, open_source

_FETCHED = 2_000


def main() -> None:
    """Build each source, list it, fetch some, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--objects", type=int, default=5_000)
    given = parser.parse_args()
    print(f"{'source':<22} {'items':>8} {'items/s':>9} {'fetches/s':>10} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        _report("rows", open_source(str(_rows(folder / "docs.jsonl", given.count))))
        _report("rows, packed", open_source(str(_rows(folder / "docs.jsonl.gz", given.count))))
        _report("files", open_source(str(_files(folder / "files", given.count))))
    for options, what in (
        (SourceOptions(reads_object_metadata=False), "objects"),
        (SourceOptions(), "objects, with rights"),
    ):
        for source in _objects(given.objects, options):
            _report(what, source)


def _report(what: str, source: Source) -> None:
    started = time.perf_counter()
    fetched: list[Item] = []
    count = 0
    for found in source.items():
        count += 1
        if isinstance(found, Item) and len(fetched) < _FETCHED:
            fetched.append(found)
    listed_s = time.perf_counter() - started
    started = time.perf_counter()
    for item in fetched:
        content = source.fetch(item)
        if content.file is not None:
            content.file.unlink()
    fetched_s = time.perf_counter() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what:<22} {count:>8,} {count / listed_s:>9,.0f} "
        f"{len(fetched) / fetched_s:>10,.0f} {peak_mb:>8,.0f}",
        flush=True,
    )


def _rows(path: Path, count: int) -> Path:
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w") as file:
        for number in range(count):
            acl = {"groups": [f"group-{number % 1000}"]}
            row = {"doc_id": f"doc/{number}", "text": "word " * 200, "acl": acl}
            file.write(json.dumps(row) + "\n")
    return path


def _files(folder: Path, count: int) -> Path:
    for number in range(count):
        place = folder / f"{number % 100:02}" / f"{number % 10_000 // 100:02}"
        if number < 10_000:
            place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.txt").write_text("word")
    return folder


def _objects(count: int, options: SourceOptions) -> Iterator[Source]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }
    store = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    store.create_bucket("docs", "us-east-1")
    for number in range(count):
        store.put_object("docs", f"{number % 100:02}/{number}.txt", b"word")
    yield open_source("s3://docs", options)
    store.reset()
    server.stop()


if __name__ == "__main__":
    main()
