"""What `befit doctor` finds of each card behind a URL: its key, and whether its server answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from befit.catalog import ModelCard, Stage, Workspace
from befit.cli.finding import Finding, State
from befit.errors import BefitError, nearest
from befit.inference import HttpClient, OpenAICompatibleProvider, resolve_key
from befit.vocabulary import Zone

_ASK = "befit doctor --external asks it for its list of models"


async def card_findings(
    workspace: Workspace,
    cards: Iterable[ModelCard],
    *,
    http: HttpClient,
    environ: Mapping[str, str],
    external: bool,
) -> tuple[Finding, ...]:
    """One finding a card that serves behind a URL. Servers are asked for their list alone.

    Args:
        workspace: where files with keys may be.
        cards: those that its files declare.
        http: asks the servers.
        environ: where keys may be.
        external: whether servers outside the organisation are asked too.
    """
    behind_url = [
        card for card in cards if not card.is_in_process and card.stage is not Stage.RETIRED
    ]
    provider = OpenAICompatibleProvider(http, keys=partial(resolve_key, folder=workspace.root))

    async def look(card: ModelCard) -> Finding:
        missing = _missing_key(card, workspace, environ)
        if missing is not None:
            return missing
        if card.zone is Zone.EXTERNAL and not external:
            return _finding(card, State.OK, "it is external and was not contacted", _ASK)
        return await _asked(card, provider)

    return tuple(await asyncio.gather(*(look(card) for card in behind_url)))


async def _asked(card: ModelCard, provider: OpenAICompatibleProvider) -> Finding:
    try:
        offered = await provider.list_models(card)
    except BefitError as error:
        return _finding(card, State.PROBLEM, f"its server: {error.message}", error.next_step)
    if offered and card.upstream_model not in offered:
        hint = nearest(card.upstream_model, offered) or f"it offers {', '.join(offered[:4])}"
        told = f"its server answers and does not list {card.upstream_model!r}"
        return _finding(card, State.PROBLEM, told, hint)
    return _finding(card, State.OK, "its server answers", None)


def _finding(card: ModelCard, state: State, detail: str, next_step: str | None) -> Finding:
    return Finding(subject=f"model {card.name}", state=state, detail=detail, next_step=next_step)


def _missing_key(
    card: ModelCard, workspace: Workspace, environ: Mapping[str, str]
) -> Finding | None:
    kind, _, place = (card.key_ref or "").partition(":")
    if kind == "env" and not environ.get(place, "").strip():
        told = f"its key is in {place}, which is not set here"
        return _finding(card, State.PROBLEM, told, f"export {place}=.. where befit runs")
    if kind == "file" and not _is_file(workspace.root / place):
        told = f"its key file {place} is not there"
        return _finding(card, State.PROBLEM, told, "put the key into it, readable by you alone")
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # in a folder that is closed to us
        return False
