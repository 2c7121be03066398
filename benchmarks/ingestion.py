"""How fast documents are taken in, beside what the embedder alone could do.

    python -m benchmarks.ingestion [--passages N] [--files N] [--rows N] [--json]

Passages of `rag_mtrag` as rows of JSON Lines, and the same texts as a folder of mixed files
(Markdown, HTML, Word, plain text, CSV), each taken in by a whole workspace: fetched, parsed,
cut, examined, embedded under permits, sealed, stored and indexed. Beside each stands the rate
of the model process alone on the very same passages, measured before and after, so that a
busy neighbour slows both; the bar is 75% of it. `--rows` takes in so many short rows as well
and tells the memory of the process that does it. Without the data set, texts are made up.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import gzip
import json
import os
import random
import resource
import secrets
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import docx
import msgspec

from befit.catalog import Workspace, write_template
from befit.gateway.operations import OperationCall, perform
from befit.identity import local_administrator
from befit.inference import Permit, PermitSeal, TextsCall
from befit.inference.embedded import EmbeddedProvider, ModelProcess, ModelProcessSettings
from befit.knowledge import DocumentState
from befit.knowledge.index import titled
from befit.platform import Platform
from befit.vocabulary import DEFAULT_TENANT, DataClass, Purpose, new_id, silent

BAR = 0.75
_TEXTS_A_CALL = 256
_LIFETIME_S = 3600.0
_MB = 1024
_SAMPLE = 3_000  # short rows for the rate of the embedder alone


class _MtragPassage(msgspec.Struct):
    passage_id: str
    text: str
    title: str | None


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One source taken in. Rates are passages a second; `peak_mb` is this process's."""

    source: str
    documents: int
    passages: int
    seconds: float
    rate: float
    alone: float | None
    share: float | None
    peak_mb: int


@dataclass(frozen=True, kw_only=True)
class House:
    """A workspace with its model process, and a way to that process past everything else."""

    platform: Platform
    provider: EmbeddedProvider
    seal: PermitSeal

    async def ingest(self, source: Path, collection: str) -> dict[str, object]:
        """What `befit ingest` prints."""
        call = OperationCall(
            platform=self.platform, principal=local_administrator(), progress=silent
        )
        params = {"source": str(source), "collection": collection, "data_class": "public"}
        return await perform("ingest", params, call)

    async def texts_of(self, collection: str, *, most: int) -> list[str]:
        """Passages as they were embedded."""
        documents = self.platform.stores.knowledge.documents
        texts: list[str] = []
        after = ""
        while page := await documents.page(
            DEFAULT_TENANT,
            collection=collection,
            after=after,
            limit=200,
            state=DocumentState.LIVE,
        ):
            for document in page:
                passages = await documents.passages(DEFAULT_TENANT, document.key)
                texts += [titled(document.title, each.text) for each in passages]
            if len(texts) >= most:
                break
            after = page[-1].key
        return texts[:most]

    async def rate_alone(self, texts: list[str]) -> float:
        """Texts a second through the model process and nothing else."""
        card = self.platform.catalog.current.find_card("minilm-l6")
        started = time.perf_counter()
        for start in range(0, len(texts), _TEXTS_A_CALL):
            permit = self.seal.seal(
                Permit(
                    permit_id=new_id("permit"),
                    tenant=DEFAULT_TENANT,
                    decision_id=new_id("dec"),
                    step="1",
                    purpose=Purpose.EMBEDDING,
                    data_class=DataClass.PUBLIC,
                    models=(card.name,),
                    reservation_id="none",
                    expires_at=time.time() + _LIFETIME_S,
                )
            )
            some = tuple(texts[start : start + _TEXTS_A_CALL])
            await self.provider.embed(TextsCall(permit=permit, card=card, texts=some))
        return len(texts) / (time.perf_counter() - started)


def main() -> int:
    """Print the figures; exit 1 where a share is below the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=400, help="rows of rag_mtrag")
    parser.add_argument("--files", type=int, default=200, help="files of the folder")
    parser.add_argument("--rows", type=int, default=0, help="short rows, such as 100000")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    arguments = parser.parse_args()
    figures = asyncio.run(_measured(arguments.passages, arguments.files, arguments.rows))
    if arguments.json:
        print(msgspec.json.encode({"figures": figures, "bar": BAR}).decode())
    else:
        for each in figures:
            beside = "" if each.alone is None else f" of {each.alone:.1f}/s alone: {each.share:.0%}"
            print(
                f"{each.source:<22} {each.documents:>7} documents {each.passages:>7} passages "
                f"{each.seconds:>7.1f} s {each.rate:>7.1f}/s{beside}  peak {each.peak_mb} MB"
            )
    return 0 if all(each.share is None or each.share >= BAR for each in figures) else 1


async def _measured(passages: int, files: int, rows: int) -> list[Figure]:
    figures: list[Figure] = []
    texts = _texts(max(passages, files))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with _house(folder / "workspace") as house:
            if passages:
                source = _json_lines(folder / "passages.jsonl", texts[:passages])
                figures.append(await _beside(house, source, "passages"))
            if files:
                source = _mixed(folder / "mixed", texts[:files])
                figures.append(await _beside(house, source, "mixed"))
            if rows:
                source = _json_lines(folder / "rows.jsonl", _short_rows(rows))
                sample = [f"\n{text}" for _, text in _short_rows(_SAMPLE)]
                before = await house.rate_alone(sample)
                document = await house.ingest(source, "rows")
                alone = (before + await house.rate_alone(sample)) / 2
                figures.append(_figure("short rows", document, alone))
                document = await house.ingest(source, "rows")
                figures.append(_figure("short rows, unchanged", document, None))
    return figures


async def _beside(house: House, source: Path, name: str) -> Figure:
    document = await house.ingest(source, name)
    texts = await house.texts_of(name, most=1_000_000)
    before = await house.rate_alone(texts)
    # Again under another name, between two measures of the embedder.
    document = await house.ingest(source, f"{name}-again")
    after = await house.rate_alone(texts)
    return _figure(name, document, (before + after) / 2)


def _figure(source: str, document: dict[str, object], alone: float | None) -> Figure:
    done = msgspec.convert(document, _Done)
    rate = done.passages / done.seconds
    return Figure(
        source=source,
        documents=done.added or done.unchanged,
        passages=done.passages,
        seconds=done.seconds,
        rate=rate,
        alone=alone,
        share=None if alone is None else rate / alone,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _MB,
    )


class _Done(msgspec.Struct):
    added: int
    unchanged: int
    passages: int
    seconds: float


@asynccontextmanager
async def _house(folder: Path) -> AsyncGenerator[House]:
    write_template(folder, undeclared_class=DataClass.INTERNAL)
    workspace = Workspace.at(folder)
    workspace.prepare()
    boot_key = secrets.token_bytes(32)
    settings = ModelProcessSettings(
        socket=workspace.socket_path("models"),
        log=workspace.logs_dir / "models.log",
        artefacts=workspace.artefacts_dir,
    )
    provider = EmbeddedProvider(settings.socket)
    async with (
        ModelProcess(settings, boot_key=boot_key),
        Platform.opened(workspace, boot_key=boot_key, models_socket=settings.socket) as platform,
    ):
        house = House(platform=platform, provider=provider, seal=PermitSeal(boot_key))
        await house.rate_alone(["warm up"])
        yield house
        await provider.close()


def _texts(count: int) -> list[tuple[str, str]]:
    """Titles and texts, of the data set where it is there."""
    root = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("BEFIT_SHARED_DATA") or root)
    path = folder / "rag_mtrag" / "corpus" / "passages_mtrag_un.jsonl.gz"
    if not path.exists():
        print(f"no data: {path} is missing, so texts are made up")
        return [(f"Note {at}", text) for at, text in enumerate(_made_up(count, words=180))]
    with gzip.open(path) as file:
        found = msgspec.json.Decoder(_MtragPassage).decode_lines(file.read())
    return [(each.title or "", each.text) for each in found[:count]]


def _made_up(count: int, *, words: int) -> Iterator[str]:
    draw = random.Random(7)
    known = [
        f"{first}{last}" for first in ("re", "un", "ta", "mo") for last in ("ket", "lin", "so")
    ]
    for _ in range(count):
        yield " ".join(draw.choice(known) for _ in range(words)) + "."


def _short_rows(count: int) -> list[tuple[str, str]]:
    return [("", f"Row {at}: {text}") for at, text in enumerate(_made_up(count, words=8))]


def _json_lines(path: Path, texts: list[tuple[str, str]]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for at, (title, text) in enumerate(texts):
            file.write(json.dumps({"doc_id": f"d{at}", "title": title, "text": text}) + "\n")
    return path


def _mixed(folder: Path, texts: list[tuple[str, str]]) -> Path:
    """The texts as files of five kinds, in turns."""
    folder.mkdir()
    writers = (_markdown, _html, _word, _plain, _csv)
    for at, (title, text) in enumerate(texts):
        writers[at % len(writers)](folder / f"file-{at:04}", title or f"Document {at}", text)
    return folder


def _markdown(path: Path, title: str, text: str) -> None:
    path.with_suffix(".md").write_text(f"# {title}\n\n{text}\n", encoding="utf-8")


def _html(path: Path, title: str, text: str) -> None:
    body = "".join(f"<p>{part}</p>" for part in text.split("\n") if part.strip())
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1>{body}</body></html>"
    path.with_suffix(".html").write_text(page, encoding="utf-8")


def _word(path: Path, title: str, text: str) -> None:
    document = docx.Document()
    document.add_heading(title)
    for part in text.split("\n"):
        document.add_paragraph("".join(each for each in part if each.isprintable()))
    document.save(str(path.with_suffix(".docx")))


def _plain(path: Path, title: str, text: str) -> None:
    path.with_suffix(".txt").write_text(f"{title}\n\n{text}\n", encoding="utf-8")


def _csv(path: Path, title: str, text: str) -> None:
    with path.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("title", "part"))
        writer.writerows((title, part) for part in text.split(". ") if part.strip())


if __name__ == "__main__":
    raise SystemExit(main())
