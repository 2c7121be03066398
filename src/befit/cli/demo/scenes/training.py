"""Training the specialist by the operation behind `befit train`."""

from __future__ import annotations

import msgspec

from befit.cli.demo.company import TICKETS, trained_path
from befit.cli.demo.documents import TrainingDocument
from befit.cli.demo.screen import Screen
from befit.cli.demo.stage import Stage


class _Trained(msgspec.Struct):
    """What is told of the operation's document."""

    decision_id: str
    model: str
    artefact: str
    n: int
    accuracy: float
    interval: tuple[float, float]
    majority: float
    folds: int
    seconds: float


async def train(stage: Stage, screen: Screen) -> TrainingDocument:
    """Make a specialist from the company's own tickets; it leads its workflow from then on."""
    with screen.progress("training:") as progress:
        document = await stage.perform(
            "train", {"name": TICKETS, "cases": str(trained_path(stage.workspace))}, progress
        )
    trained = msgspec.convert(document, _Trained)
    low, high = trained.interval
    screen.say(
        f"befit train: {trained.model} from {trained.n} labelled tickets and "
        f"{len(stage.material.trained_outside)} mails of no kind, in {trained.seconds:.1f} s. "
        f"{trained.folds}-fold cross-validation: {trained.accuracy:.1%} right "
        f"[{low:.1%}, {high:.1%}], {trained.majority:.1%} by always saying one label. "
        f"It now stands first in workflows/{TICKETS}.yaml."
    )
    screen.say(f"decision {trained.decision_id}, artefact {trained.artefact[:19]}..", style="dim")
    return TrainingDocument(
        decision_id=trained.decision_id,
        model=trained.model,
        artefact=trained.artefact,
        n=trained.n,
        accuracy=trained.accuracy,
        interval=trained.interval,
    )
