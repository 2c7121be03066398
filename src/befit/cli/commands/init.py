"""`befit init DIR`: a workspace that runs as it is, and what to attach to it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import click

from befit.catalog import Workspace, write_template
from befit.cli.adding import add_on_request
from befit.cli.attaching import add_command
from befit.cli.options import DATA_CLASSES, example, json_option
from befit.cli.output import is_answerable, print_json, say
from befit.cli.session import run
from befit.errors import BefitError, WeightsMissing
from befit.inference import Found, HttpClient, discover
from befit.inference.embedded.weights import PINS, located
from befit.vocabulary import DataClass, Zone

_MOST_OFFERED = 3
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@click.command(epilog=example("befit init work", "befit init work --undeclared-class public --yes"))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--undeclared-class",
    type=click.Choice(DATA_CLASSES),
    help="What requests that declare no class count as; default: asked, else internal.",
)
@click.option(
    "--yes", is_flag=True, help="Add what is found on this machine; external models need a name."
)
@json_option
def command(folder: Path, undeclared_class: str | None, yes: bool, as_json: bool) -> None:
    """Write a workspace that runs as it is.

    It looks for model servers on loopback's usual ports and for the usual keys in the
    environment, and proposes cards for them. Nothing external is contacted or added without
    your yes; without a terminal or --yes the answer is no.
    """
    chosen = DataClass.from_word(undeclared_class or _asked_class(yes=yes))
    written = write_template(folder, undeclared_class=chosen)
    say(f"{folder} is a workspace: {', '.join(str(path.relative_to(folder)) for path in written)}")
    found = run(_look())
    added = [name for server in found for name in _offer(folder, server, yes=yes)]
    missing = tuple(_missing_weights())
    if as_json:
        print_json(
            {
                "workspace": str(folder.resolve()),
                "files": [str(path.relative_to(folder)) for path in written],
                "undeclared_class": chosen.word,
                "found": [_found_document(server) for server in found],
                "added": added,
                "missing_weights": missing,
            }
        )
    else:
        click.echo(_next_steps(folder, missing))


def _asked_class(*, yes: bool) -> str:
    if yes or not is_answerable():
        return DataClass.INTERNAL.word
    say("Requests may declare a data class. Only public content may go to external models.")
    answer: str = click.prompt(
        "What shall requests count as that declare none?",
        type=click.Choice(DATA_CLASSES),
        default=DataClass.INTERNAL.word,
        err=True,
    )
    return answer


async def _look() -> tuple[Found, ...]:
    client = HttpClient()
    try:
        return await discover(client, environ=os.environ)
    finally:
        client.close()


def _offer(folder: Path, server: Found, *, yes: bool) -> Iterator[str]:
    """Propose a server's models, and add those that are agreed to; their names."""
    if server.zone is not Zone.DEVICE or not server.models:
        say(f"found {server.title} ({server.url}); to attach it: {add_command(server)}")
        return
    say(f"found {server.title} at {server.url}")
    for model in server.models[:_MOST_OFFERED]:
        name = _NOT_A_NAME.sub("-", model.rpartition("/")[2]).strip("-._")[:64] or "local"
        request: dict[str, object] = {
            "name": name,
            "via": server.via.value,
            "url": server.url,
            "model": model,
            "key": server.key_ref,
            "context_window": server.context_windows.get(model),
        }
        if yes or (is_answerable() and click.confirm(f"Add {model} as {name}?", err=True)):
            yield from _added(folder, request, name)
        else:
            url = f"--via {server.via} --url {server.url} --model {model}"
            say(f"  not added; to attach it: befit models add {name} {url}")
    rest = server.models[_MOST_OFFERED:]
    if rest:
        say(f"  and {len(rest)} more: {', '.join(rest[:8])}")


def _added(folder: Path, request: dict[str, object], name: str) -> Iterator[str]:
    try:
        document = run(add_on_request(Workspace.at(folder), request, yes=False))
    except BefitError as error:
        say(f"  {name} was not added: {error}")
        return
    if document is not None:
        yield name


def _missing_weights() -> Iterator[str]:
    for name in PINS:
        try:
            located(name)
        except WeightsMissing:
            yield name


def _found_document(server: Found) -> dict[str, object]:
    return {
        "title": server.title,
        "via": server.via.value,
        "url": server.url,
        "zone": server.zone.value,
        "models": list(server.models),
        "key": server.key_ref,
    }


def _next_steps(folder: Path, missing: tuple[str, ...]) -> str:
    steps = [f"cd {folder}"]
    if missing:
        steps.append("befit pull                  # the small models, once")
    steps += [
        "befit ask 'Hello'           # one question",
        "befit ingest FOLDER --collection docs    # your documents",
        "befit ask '..' --collection docs         # a question that they answer",
        "befit serve                 # the OpenAI-compatible endpoint",
        "befit models add --help     # attach a better model",
    ]
    return "Next:\n" + "\n".join(f"  {step}" for step in steps)
