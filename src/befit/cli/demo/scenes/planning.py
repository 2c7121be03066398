"""Scene 2: a broad question goes to the large tier, or honestly to a person."""

from __future__ import annotations

from datetime import UTC, datetime

from befit.cli.demo.company import PLANNING
from befit.cli.demo.documents import RequestDocument, SceneDocument, request_document
from befit.cli.demo.material import Paper
from befit.cli.demo.screen import Screen
from befit.cli.demo.stage import Asked, Question, Stage
from befit.vocabulary import DataClass, Zone

_PLAN_TOKENS = 700


async def play_planning(stage: Stage, screen: Screen) -> SceneDocument:
    """Ask for a plan. Only a model declared able to plan may answer."""
    title = "A broad question"
    screen.scene(2, title)
    screen.say(
        f"The workflow `{PLANNING}` names no model: routing chooses among all that are declared "
        "`able: [plan]`. No small model is dressed as a large one."
    )
    plan = stage.material.plans[0]
    shown = [await _ask(stage, screen, plan, plan.data_class)]
    large = stage.plan.large
    if large is not None and large.zone is Zone.EXTERNAL:
        screen.gap()
        screen.say(f"Another question, declared public, may leave the company for {large.name}:")
        shown.append(await _ask(stage, screen, stage.material.plans[-1], DataClass.PUBLIC))
    return SceneDocument(scene="planning", title=title, requests=tuple(shown))


async def _ask(
    stage: Stage, screen: Screen, paper: Paper, data_class: DataClass
) -> RequestDocument:
    question = Question(
        text=paper.text, workflow=PLANNING, data_class=data_class, most_tokens=_PLAN_TOKENS
    )
    asked = await stage.ask(question)
    screen.request(f"question {paper.id}", paper.about, asked)
    _tell_approval(screen, asked)
    return request_document(paper.id, asked.account, asked.output)


def _tell_approval(screen: Screen, asked: Asked) -> None:
    approval = asked.account.approval
    if approval is None or approval.due is None:
        return
    due = datetime.fromtimestamp(approval.due, UTC).strftime("%Y-%m-%d %H:%M UTC")
    screen.gap()
    screen.say(
        f"Its sender got `pending_person` at once. It waits until {due}, bound to the payload "
        f"{(approval.payload_sha256 or '')[:16]}..; a person writes the answer with"
    )
    screen.say(f"  befit approvals edit {approval.approval_id} --answer TEXT")
