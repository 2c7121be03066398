"""What `befit doctor` finds: one finding a thing looked at, with what to do about it."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import msgspec

from befit.catalog import Workspace, owner_pid
from befit.cli.attaching import add_command
from befit.cli.card_findings import card_findings
from befit.cli.finding import Finding, State
from befit.cli.ledger_at_rest import verify_at_rest
from befit.errors import BefitError, WorkspaceError
from befit.gateway import connect
from befit.inference import Found, HttpClient, discover
from befit.inference.embedded.weights import PINS, WeightsCache, installed, located
from befit.settings import Examination, examine_workspace

_MB = 1 << 20
_LEAST_MEMORY_MB = 1_500
_LEAST_DISK_MB = 1_000
_LEDGER_MB = 64
"""A larger ledger is left to `befit audit verify`, which takes its time."""


class _Verified(msgspec.Struct):
    ok: bool
    events: int
    decisions: int
    problems: list[str]


async def find_all(
    folder: Path, environ: Mapping[str, str], *, external: bool = False
) -> tuple[Finding, ...]:
    """Look at machine, weights, workspace, its cards' servers, loopback's servers, and keys.

    Args:
        folder: the workspace's, whether there is one or not.
        environ: where keys may be.
        external: whether servers of cards outside the organisation are asked too.
    """
    client = HttpClient()
    try:
        findings = [*_machine(folder), *_weights()]
        findings += await _workspace(folder, client, environ, external=external)
        found = await discover(client, environ=environ)
    finally:
        client.close()
    return (*findings, *_servers(found))


def _machine(folder: Path) -> Iterator[Finding]:
    yield Finding(
        subject="befit",
        state=State.OK,
        detail=f"{version('befit')} on Python {platform.python_version()}, {platform.system()}",
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding(subject="cores", state=State.OK, detail=str(cores or "unknown"))
    memory = _available_memory_mb()
    if memory is not None:
        enough = memory >= _LEAST_MEMORY_MB
        yield Finding(
            subject="memory",
            state=State.OK if enough else State.NOTE,
            detail=f"{memory:,} MB available",
            next_step=None if enough else "the embedded models want about 900 MB; free some",
        )
    free = shutil.disk_usage(folder if folder.is_dir() else Path.home()).free // _MB
    enough = free >= _LEAST_DISK_MB
    yield Finding(
        subject="disk",
        state=State.OK if enough else State.PROBLEM,
        detail=f"{free:,} MB free",
        next_step=None
        if enough
        else "free some: a full disk stops the ledger, and so every answer",
    )


def _available_memory_mb() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None  # no Linux
    found = next((line.split() for line in lines if line.startswith("MemAvailable:")), None)
    return int(found[1]) // 1024 if found else None


def _weights() -> Iterator[Finding]:
    names = dict.fromkeys((*PINS, *_installed_names()))
    for name in names:
        try:
            weights = located(name)
        except BefitError as error:
            yield Finding(
                subject=f"weights {name}",
                state=State.PROBLEM,
                detail=error.message,
                next_step=error.next_step,
            )
        else:
            size = sum(file.bytes for file in weights.manifest.files.values()) // _MB
            yield Finding(
                subject=f"weights {name}",
                state=State.OK,
                detail=f"{weights.kind}, {size} MB, every file matches its SHA-256",
            )


def _installed_names() -> tuple[str, ...]:
    try:
        return tuple(weights.name for weights in installed())
    except BefitError:
        # One broken manifest must not hide the rest: each is looked at by its name.
        root = WeightsCache.of_user().root
        return tuple(sorted(path.parent.name for path in root.glob("*/manifest.json")))


async def _workspace(
    folder: Path, http: HttpClient, environ: Mapping[str, str], *, external: bool
) -> tuple[Finding, ...]:
    try:
        workspace = Workspace.at(folder)
    except BefitError as error:
        return (
            Finding(
                subject="workspace",
                state=State.NOTE,
                detail=error.message,
                next_step=error.next_step,
            ),
        )
    client = await connect(workspace)
    examination = await asyncio.to_thread(examine_workspace, workspace)
    cards = examination.catalog.cards.values() if examination.catalog else ()
    return (
        _files(workspace, examination),
        _owner(workspace, serves=client is not None),
        *await card_findings(workspace, cards, http=http, environ=environ, external=external),
        await asyncio.to_thread(_ledger, workspace),
    )


def _files(workspace: Workspace, examination: Examination) -> Finding:
    if examination.problems:
        return Finding(
            subject="workspace",
            state=State.PROBLEM,
            detail=f"{workspace.root}: {examination.problems[0]}",
            next_step="befit check lists every problem",
        )
    catalog = examination.catalog
    counts = f"{len(catalog.cards)} models, {len(catalog.workflows)} workflows" if catalog else ""
    return Finding(subject="workspace", state=State.OK, detail=f"{workspace.root}: {counts}")


def _owner(workspace: Workspace, *, serves: bool) -> Finding:
    try:
        pid = owner_pid(workspace)
    except WorkspaceError as error:
        return Finding(subject="server", state=State.NOTE, detail=error.message)
    if serves:
        return Finding(subject="server", state=State.OK, detail=f"process {pid} serves it")
    if pid is not None:
        return Finding(
            subject="server",
            state=State.NOTE,
            detail=f"process {pid} holds the workspace and takes no commands",
            next_step=f"wait for it, or stop it: kill {pid}",
        )
    return Finding(subject="server", state=State.OK, detail="none runs; befit serve starts one")


def _ledger(workspace: Workspace) -> Finding:
    try:
        return _ledger_at_rest(workspace)
    except OSError as error:  # an auditor's copy, or another user's workspace
        return Finding(
            subject="ledger",
            state=State.PROBLEM,
            detail=f"it cannot be read: {error.strerror} ({error.filename})",
            next_step="run befit as the user who owns the workspace",
        )


def _ledger_at_rest(workspace: Workspace) -> Finding:
    folders = (workspace.ledger_dir, workspace.sealed_dir)
    sizes = [
        path.stat().st_size for folder in folders if folder.is_dir() for path in folder.iterdir()
    ]
    if not sizes:
        return Finding(subject="ledger", state=State.OK, detail="nothing is recorded yet")
    size = sum(sizes) // _MB
    if owner_pid(workspace) is not None or size > _LEDGER_MB:
        return Finding(
            subject="ledger",
            state=State.NOTE,
            detail=f"{size} MB, not verified here",
            next_step="befit audit verify",
        )
    try:
        report = msgspec.convert(verify_at_rest(workspace), _Verified)
    except BefitError as error:
        return Finding(
            subject="ledger",
            state=State.PROBLEM,
            detail=error.message,
            next_step=error.next_step,
        )
    if report.ok:
        told = f"whole: {report.events} events of {report.decisions} decisions"
        return Finding(subject="ledger", state=State.OK, detail=told)
    return Finding(
        subject="ledger",
        state=State.PROBLEM,
        detail=report.problems[0],
        next_step="befit audit verify lists every problem",
    )


def _servers(found: tuple[Found, ...]) -> Iterator[Finding]:
    if not found:
        yield Finding(
            subject="model servers",
            state=State.NOTE,
            detail="none on loopback's usual ports, and no key in the environment",
            next_step="befit models add NAME --via .. --url URL attaches one that is elsewhere",
        )
    for server in found:
        yield Finding(
            subject=server.title,
            state=State.OK,
            detail=server.url + (f", {_offered(server)}" if server.models else ""),
            next_step=add_command(server),
        )


def _offered(server: Found) -> str:
    shown = ", ".join(server.models[:4])
    more = len(server.models) - 4
    return f"offers {shown}" + (f" and {more} more" if more > 0 else "")
