"""`befit ingest PATH --collection C`: documents into a collection."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import (
    DATA_CLASSES,
    example,
    json_option,
    whole_path,
    workspace_option,
)
from befit.cli.output import Document, counted, print_json, say
from befit.cli.passages import plain
from befit.cli.progress import shown_progress
from befit.cli.session import perform
from befit.vocabulary import Progress

_SHOWN = 20
_UNITS = {"s": 1, "m": 60, "h": 3600}
_WATCHING = "befit.cli.watching"


class _Finding(msgspec.Struct):
    what: str
    reason: str


class _Ingested(msgspec.Struct):
    """What is printed of a run."""

    collection: str
    version: int
    complete: bool
    failure: str | None
    added: int
    changed: int
    unchanged: int
    removed: int
    moved: int
    finished: int
    reembedded: int
    administrators_only: int
    passages: int
    classes: dict[str, int]
    skipped_count: int
    skipped: list[_Finding]
    warnings_count: int
    warnings: list[_Finding]
    notices: list[str]
    seconds: float
    passages_per_s: float
    decision_id: str


class _Every(click.ParamType[float]):
    """How often, in seconds."""

    name = "TIME"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The seconds; click tells what is no time."""
        number, unit = value[:-1], value[-1:]
        if not (number.isdecimal() and unit in _UNITS and int(number)):
            self.fail(f"{value!r} is no time such as 30s, 5m or 1h", param, ctx)
        return float(int(number) * _UNITS[unit])


@click.command(
    epilog=example(
        "befit ingest ./handbook --collection handbook",
        "befit ingest documents.jsonl --collection rulings --data-class public --json",
        "befit ingest s3://bucket/prefix --collection archive --watch --every 5m",
    )
)
@click.argument("path")
@click.option("--collection", required=True, metavar="NAME", help="Where to; made if need be.")
@click.option(
    "--data-class",
    type=click.Choice(DATA_CLASSES),
    help="The least class of a new collection; default: undeclared_class of befit.yaml.",
)
@click.option(
    "--tag", "tags", multiple=True, help="What a new collection carries: pii, phi, pci, .."
)
@click.option("--owner", help="Who answers for a new collection: a name, or group:NAME.")
@click.option("--watch", is_flag=True, help="Go on taking in what changes, until Ctrl-C.")
@click.option(
    "--every",
    "every_s",
    default="30s",
    show_default=True,
    type=_Every(),
    help="How often --watch looks: 30s, 5m, 1h.",
)
@json_option
@workspace_option
def command(
    workspace: Workspace,
    path: str,
    collection: str,
    data_class: str | None,
    tags: tuple[str, ...],
    owner: str | None,
    watch: bool,
    every_s: float,
    as_json: bool,
) -> int:
    """Take documents into a collection, and take away those that their source has no more.

    PATH is a folder, a file, JSON Lines of documents (.jsonl, also .gz), or an address: s3://..,
    a page or sitemap by http(s)://.. Who may read what, the source says, or knowledge/acl.yaml
    by path; where neither does, administrators only. What was taken in before and has not
    changed is left as it is. Skipped files do not fail a run; exit code 1 where the source could
    not be listed to its end.
    """
    address = path if "://" in path else whole_path(Path(path))
    params: dict[str, object] = {
        "source": address,
        "collection": collection,
        "data_class": data_class,
        "tags": tags,
        "owner": owner,
    }

    def take_in() -> bool:
        with shown_progress(what="ingest") as progress:
            document = _performed(workspace, params, progress)
        return _show(document, as_json=as_json)

    if watch:
        watching: Callable[..., None] = importlib.import_module(_WATCHING).watch
        watching(address, take_in, every_s=every_s)
        return 0
    return 0 if take_in() else 1


def _performed(workspace: Workspace, params: dict[str, object], progress: Progress) -> Document:
    try:
        return perform(workspace, "ingest", params, progress=progress)
    except KeyboardInterrupt:
        say("what was taken in is kept; the same command goes on from there")
        raise


def _show(document: Document, *, as_json: bool) -> bool:
    """Print what came of a run; whether its source was seen whole."""
    done = msgspec.convert(document, _Ingested)
    if as_json:
        print_json(document)
    else:
        click.echo(_told(done))
    _say_findings("skipped", done.skipped, done.skipped_count)
    _say_findings("note", done.warnings, done.warnings_count)
    for notice in done.notices:
        say(f"note: {plain(notice)}")
    if done.administrators_only:
        unread = counted(done.administrators_only, "document")
        say(
            f"only administrators find {unread} for which no reader is known; say who may read "
            "what in knowledge/acl.yaml"
        )
    if done.failure is not None:
        say(f"befit: the source was not seen whole, so nothing was removed: {done.failure}")
    say(f"decision {done.decision_id}")
    return done.complete


def _told(done: _Ingested) -> str:
    counts = [
        f"{done.added} added",
        f"{done.changed} changed",
        f"{done.unchanged} unchanged",
        f"{done.removed} removed",
        f"{done.skipped_count} skipped",
    ]
    counts += [f"{done.moved} with other readers"] if done.moved else []
    counts += [f"{done.finished} finished that a broken run had begun"] if done.finished else []
    classes = ", ".join(f"{count} {word}" for word, count in done.classes.items())
    passages = counted(done.passages, "passage") + (f" ({classes})" if classes else "")
    lines = [
        f"{done.collection} (version {done.version}): {', '.join(counts)}",
        f"{passages} in {done.seconds:.1f} s, {done.passages_per_s:.1f} a second",
    ]
    if done.reembedded:
        lines.append(f"the index was built anew: {counted(done.reembedded, 'passage')}")
    return "\n".join(lines)


def _say_findings(word: str, findings: list[_Finding], count: int) -> None:
    for each in findings[:_SHOWN]:
        say(f"{word}: {plain(each.what)}: {plain(each.reason)}")
    if count > _SHOWN:
        say(f"{word}: and {count - _SHOWN} more (--json tells up to a thousand)")
