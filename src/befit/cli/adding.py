"""Adding a model on the command line: the questions before it, and what is said after it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import cast

import click
import msgspec

from befit.catalog import Workspace, WorkspaceEdit, is_loopback
from befit.cli.output import Document, is_answerable, milliseconds, say
from befit.cli.session import Session, open_session
from befit.vocabulary import DataClass

_ZONES = ("device", "onprem", "private_cloud", "external")
_CLASSES = ("public", "internal", "confidential", "restricted")


class _Price(msgspec.Struct):
    input_usd_per_million: float
    output_usd_per_million: float
    source: str
    as_of: str


class _Card(msgspec.Struct):
    """What is said of a proposed card."""

    name: str
    model: str
    zone: str
    size: str
    context_window: int | None
    price: _Price | None
    reference: str | None
    unknown: list[str]
    notes: list[str]
    undeclared_class: str


class _Failure(msgspec.Struct):
    message: str


class _Probe(msgspec.Struct):
    ok: bool
    decision_id: str
    answered_as: str | None = None
    latency_ms: float | None = None
    tokens_per_s: float | None = None
    dimensions: int | None = None
    error: _Failure | None = None


class _Added(msgspec.Struct):
    card: _Card
    probe: _Probe
    file: str
    stage: str


async def add_on_request(
    workspace: Workspace, request: Mapping[str, object], *, yes: bool
) -> Document | None:
    """Ask what must be asked, probe, write the card; None where the answer was no.

    Nothing is contacted before an external model has been agreed to.
    """
    request = _with_zone(request, yes=yes)
    if request["zone"] == "external" and not _agreed(request, yes=yes):
        return None
    async with open_session(workspace) as session:
        request = await _with_price(session, request, yes=yes)
        document = await session.call("models.add", {**request, "keep_unanswered": yes})
        added = msgspec.convert(document, _Added)
        _tell(added)
        if added.card.zone == "external":
            await _settle_undeclared(session, workspace, added.card, yes=yes)
    return document


def _with_zone(request: Mapping[str, object], *, yes: bool) -> dict[str, object]:
    """The request with its zone: declared, on this machine, or asked for."""
    asked = dict(request)
    url = cast("str | None", request.get("url"))
    if asked.get("zone") is None:
        is_near = is_loopback(url) if url else request["via"] != "openai"
        if is_near:
            asked["zone"] = "device"
        elif url and not yes and is_answerable():
            asked["zone"] = click.prompt(
                f"Where does {url} run?",
                type=click.Choice(_ZONES[1:]),
                default="external",
                err=True,
            )
        else:
            asked["zone"] = "external"
    return asked


def _agreed(request: Mapping[str, object], *, yes: bool) -> bool:
    where = request.get("url") or "its provider's API"
    question = f"{request['name']} is external: what is sent to {where} leaves your organisation"
    if yes:
        say(f"{question}; added with --yes")
        return True
    if is_answerable():
        return click.confirm(f"{question}. Add it?", err=True)
    say(f"befit: {question}; nothing was contacted or added: repeat with --yes to agree")
    return False


async def _with_price(
    session: Session, request: dict[str, object], *, yes: bool
) -> dict[str, object]:
    """Ask for the price of an external model that nobody knows."""
    is_open = request["zone"] == "external" and request.get("price_in") is None
    if yes or not is_open or not is_answerable():
        return request
    document = await session.call("models.propose", request)
    card = msgspec.convert(document, _Card)
    request["model"] = card.model
    if card.price is not None:
        return request
    for field, what in (("price_in", "input"), ("price_out", "output")):
        price = _asked_price(f"USD per million {what} tokens (empty: unknown)")
        if price is None:
            request["price_in"] = None
            return request
        request[field] = price
    return request


def _asked_price(question: str) -> Decimal | None:
    while True:
        text: str = click.prompt(question, default="", show_default=False, err=True)
        if not text.strip():
            return None
        try:
            price = Decimal(text.strip().lstrip("$"))
        except InvalidOperation:
            price = Decimal(-1)
        if price.is_finite() and price >= 0:
            return price
        say("a price is a number such as 2.50")


async def _settle_undeclared(
    session: Session, workspace: Workspace, card: _Card, *, yes: bool
) -> None:
    """Say, and on a terminal ask, what becomes of requests that declare no class."""
    current = card.undeclared_class
    if current == "public":
        return
    told = f"requests that declare no class count as {current}, which may not go to {card.name}"
    if yes or not is_answerable():
        say(f"{told}: declare them public (--class public), or set undeclared_class in befit.yaml")
        return
    say(f"{told}.")
    chosen = click.prompt(
        "What shall they count as?", type=click.Choice(_CLASSES), default=current, err=True
    )
    if chosen != current:
        edit = WorkspaceEdit(workspace)
        edit.put_undeclared_class(DataClass.from_word(chosen))
        edit.commit()
        await session.call("reload", {})
        say(f"undeclared_class is {chosen} now")


def _tell(added: _Added) -> None:
    card, probe = added.card, added.probe
    if probe.error is not None:
        say(f"the probe FAILED: {probe.error.message} (decision {probe.decision_id})")
        say(f"{card.name} was written to {added.file} all the same, as --yes asked")
    else:
        say(_speed(probe))
        use = (
            "in use" if added.stage == "approved" else f"proposed: befit models promote {card.name}"
        )
        say(f"{card.name} is in {added.file} and {use}; zone {card.zone}, size {card.size}")
    if card.price is not None:
        price = card.price
        say(
            f"price: {price.input_usd_per_million:g} in, {price.output_usd_per_million:g} out, "
            f"USD per million tokens ({price.source}, {price.as_of})"
        )
    elif "price" in card.unknown:
        say("price: unknown, so it is not eligible under a money budget; --price-in, --price-out")
    for note in card.notes:
        say(f"note: {note}")


def _speed(probe: _Probe) -> str:
    if probe.dimensions is not None:
        shown = f"vectors of {probe.dimensions} numbers"
    else:
        rate = "" if probe.tokens_per_s is None else f", {probe.tokens_per_s:.0f} tokens/s"
        shown = f"it calls itself {probe.answered_as or 'nothing'}{rate}"
    return f"it answers: {shown}, {milliseconds(probe.latency_ms)} (decision {probe.decision_id})"
