"""The texts that detection is measured on, from `../shared/data`."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

ROOT = Path(os.environ.get("BEFIT_SHARED_DATA", "../shared/data"))

PROSE: Mapping[str, tuple[str, str]] = {
    "bank's customers": ("intent_banking77/dev/banking77.jsonl.gz", "text"),
    "web pages": ("rag_mtrag/corpus/passages_mtrag_un.jsonl.gz", "text"),
    "abstracts": ("rag_cranfield/corpus/docs.jsonl.gz", "text"),
    "meetings": ("summ_qmsum/dev/qmsum.jsonl.gz", ""),
    "questions": ("routing_llmrouter9/dev/scores.jsonl.gz", "prompt"),
    "attack reports": ("security_tram_attack/dev/tram_single_label.jsonl", "text"),
    "system logs": ("ops_loghub/dev/parsing_16systems.jsonl.gz", ""),
    "mortgage records": ("oversight_hmda_decisions/dev/hmda.jsonl", ""),
}
"""Name, and file with the field that holds the text; the whole line where none is named."""

LABELLED = "pii_presidio_research/dev/synth_dataset_v2.jsonl"

_MOST_BYTES = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """A text with what people say is in it."""

    text: str
    spans: frozenset[tuple[int, int, str]]


def prose(name: str) -> list[str]:
    """Some texts of a kind; empty where they are missing, which is said."""
    path, key = PROSE[name]
    texts: list[str] = []
    size = 0
    for line in _lines(path):
        row = cast("dict[str, object]", json.loads(line))
        text = str(row.get(key) or "") if key else line
        texts.append(text)
        size += len(text.encode())
        if size > _MOST_BYTES:
            break
    return texts


def labelled() -> list[Labelled]:
    """The labelled sentences; empty where they are missing, which is said."""
    found: list[Labelled] = []
    for line in _lines(LABELLED):
        row = json.loads(line)
        spans = frozenset(
            (int(each["start_position"]), int(each["end_position"]), str(each["entity_type"]))
            for each in row["spans"]
        )
        found.append(Labelled(text=str(row["full_text"]), spans=spans))
    return found


def _lines(path: str) -> Iterator[str]:
    file = ROOT / path
    if not file.exists():
        print(f"not measured: {file} is missing")
        return
    with gzip.open(file, "rt") if file.suffix == ".gz" else file.open() as lines:
        for line in lines:
            yield line.rstrip("\n")
