"""The files that a world's documents and rules stand in, written the way a user would."""

from __future__ import annotations

from pathlib import Path

import msgspec
import yaml

from befit.cli.leak_test.canary import Canary
from befit.cli.leak_test.world import World


def rows_path(folder: Path, tenant: str, collection: str) -> Path:
    """The JSON Lines of a collection's rows."""
    return folder / tenant / f"{collection}.jsonl"


def files_path(folder: Path, tenant: str, collection: str) -> Path:
    """The folder of a collection's files."""
    return folder / tenant / collection


def write_collection(folder: Path, world: World, tenant: str, collection: str) -> None:
    """Write what a collection's two sources hold now; what is gone is gone from them."""
    rows = rows_path(folder, tenant, collection)
    files = files_path(folder, tenant, collection)
    files.mkdir(parents=True, exist_ok=True)
    here = [each for each in world.living(tenant) if each.collection == collection]
    lines = [msgspec.json.encode(_row(each)) for each in here if each.folder is None]
    rows.write_bytes(b"\n".join((*lines, b"")))
    wanted = {files / each.doc_id: each for each in here if each.folder is not None}
    for path in files.rglob("*.md"):
        if path not in wanted:
            path.unlink()
    for path, canary in wanted.items():
        _write_file(path, canary)


def write_rules(folder: Path, world: World) -> None:
    """Write `knowledge/acl.yaml` at once, as an editor does that keeps no half file."""
    rules = [
        {
            "path": rule.pattern,
            **({"collection": rule.collection} if rule.collection else {}),
            **rule.access.as_file(),
        }
        for rule in world.rules
    ]
    path = folder / "knowledge" / "acl.yaml"
    path.parent.mkdir(exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(yaml.safe_dump({"rules": rules}))
    beside.replace(path)


def _row(canary: Canary) -> dict[str, object]:
    row: dict[str, object] = {
        "doc_id": canary.doc_id,
        "title": canary.title,
        "text": canary.text,
        "metadata": {"reference": canary.reference},
        "dated": canary.date,
    }
    if canary.access is not None:
        row["acl"] = canary.access.as_file()
    elif canary.doc_id[-1].isdigit():
        row["acl"] = None  # as a source says that has rights and cannot tell them
    if canary.data_class is not None:
        row["data_class"] = canary.data_class
    return row


def _write_file(path: Path, canary: Canary) -> None:
    content = f"# {canary.title}\n\n{canary.text}\n".encode()
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
