"""`befit models`: list the models, add one, let it serve, retire it, bring the former back."""

from __future__ import annotations

from decimal import Decimal

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.adding import add_on_request
from befit.cli.lifecycle_report import act, release_option
from befit.cli.options import USD, example, json_option, names_of, workspace_option
from befit.cli.output import print_json, say, table
from befit.cli.session import perform, run

_VIAS = ("ollama", "vllm", "llamacpp", "lmstudio", "openai", "embedded")
_ZONES = ("device", "onprem", "private_cloud", "external")


class _Model(msgspec.Struct):
    """What is printed of a card."""

    name: str
    size: str
    zone: str
    via: str
    stage: str
    stage_reason: str | None
    awaits_activation: bool
    health: str
    evidence: dict[str, str]
    last_error: str | None = None
    last_error_s_ago: float | None = None


class _Models(msgspec.Struct):
    models: list[_Model]


@click.group(
    epilog=example(
        "befit models list",
        "befit models add local --via ollama --model qwen2.5:7b --able write",
        "befit models promote local",
    )
)
def command() -> None:
    """List and add models; let them serve, retire them, bring former ones back."""


@command.command(name="list", epilog=example("befit models list --json"))
@json_option
@workspace_option
def list_models(workspace: Workspace, as_json: bool) -> None:
    """List the models: where they run, what stands behind them, how they fare."""
    document = perform(workspace, "models.list", {})
    if as_json:
        print_json(document)
        return
    found = msgspec.convert(document, _Models).models
    if not found:
        say("there are no models; add one with: befit models add NAME --via ..")
        return
    rows = [
        (
            model.name,
            model.zone,
            model.size,
            model.via,
            _state(model),
            _evidence(model.evidence),
        )
        for model in found
    ]
    click.echo(table(("model", "zone", "size", "via", "state", "evidence"), rows))
    for model in found:
        if model.awaits_activation:
            say(f"note: {model.stage_reason}")
        if model.health != "healthy" and model.last_error:
            ago = f"{model.last_error_s_ago or 0:.0f} s ago"
            say(f"note: model {model.name} is {model.health}: {model.last_error}, {ago}")


@command.command(
    epilog=example(
        "befit models add local --via ollama --model qwen2.5:7b",
        "befit models add big --via openai --model gpt-4.1 --key env:OPENAI_API_KEY --able write",
        "befit models add ours --via vllm --url http://models.example.org:8000 --zone onprem",
        "befit models add mine --via embedded --model my-gguf",
    )
)
@click.argument("name")
@click.option("--via", type=click.Choice(_VIAS), required=True, help="What kind of server it is.")
@click.option("--url", help="The server's URL; default: the usual one of its kind.")
@click.option("--model", help="What its server calls it (weights, for embedded).")
@click.option("--zone", type=click.Choice(_ZONES), help="Where it runs; loopback means device.")
@click.option("--jurisdiction", metavar="CODE", help="Country or region, such as DE or EU.")
@click.option(
    "--able", default="", metavar="write,plan", help="What you declare it good enough for."
)
@click.option("--key", metavar="env:NAME", help="Where its key is: env:NAME or file:PATH.")
@click.option("--size", type=click.Choice(("small", "large")), help="Which tier it belongs to.")
@click.option("--context", "context_window", type=click.IntRange(1), help="Context window, tokens.")
@click.option("--price-in", type=USD, help="USD per million input tokens.")
@click.option("--price-out", type=USD, help="USD per million output tokens.")
@click.option("--yes", is_flag=True, help="Answer the questions with yes.")
@json_option
@workspace_option
def add(
    workspace: Workspace,
    name: str,
    via: str,
    able: str,
    yes: bool,
    as_json: bool,
    **said: str | int | Decimal | None,
) -> int:
    """Add a model after one probing call that says what answers, and how fast.

    An external model is added only where you say yes; without a terminal or --yes the answer
    is no. A card whose probe fails is written only with --yes.
    """
    request = {"name": name, "via": via, "able": names_of(able), **said}
    document = run(add_on_request(workspace, request, yes=yes))
    if document is None:
        return 1
    if as_json:
        print_json(document)
    return 0


@command.command(epilog=example("befit models promote local"))
@click.argument("name")
@release_option
@json_option
@workspace_option
def promote(workspace: Workspace, name: str, release: str | None, as_json: bool) -> None:
    """Let a model serve exactly as its card stands now.

    Its card then says `stage: approved`; the ledger records who did it, of which release, and
    what stood behind it.
    """
    act(workspace, "models.promote", name, as_json=as_json, release=release)


@command.command(epilog=example("befit models retire local"))
@click.argument("name")
@json_option
@workspace_option
def retire(workspace: Workspace, name: str, as_json: bool) -> None:
    """Stop a model for good; workflows that name it go on with what else they name."""
    act(workspace, "models.retire", name, as_json=as_json)


@command.command(epilog=example("befit models rollback triage-specialist"))
@click.argument("name")
@json_option
@workspace_option
def rollback(workspace: Workspace, name: str, as_json: bool) -> None:
    """Bring back the card that was activated before this one, with all that it said.

    A specialist's former artefact serves again at once, with what it was measured at.
    """
    act(workspace, "models.rollback", name, as_json=as_json)


def _state(model: _Model) -> str:
    return model.health if model.stage == "approved" else model.stage


def _evidence(by_workflow: dict[str, str]) -> str:
    behind = [f"{name}: {evidence}" for name, evidence in by_workflow.items()]
    return ", ".join(behind) or "-"
