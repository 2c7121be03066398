"""Acts of asking: quotes and written answers, by command and over HTTP, whole and streamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from befit.cli.leak_test.adversary import Question
from befit.cli.leak_test.scene import Asking, Scene
from befit.cli.leak_test.scratch import QUOTING, REVIEWED, WRITING
from befit.cli.leak_test.surfaces import Seen, Surface
from befit.cli.leak_test.wire import Reply

_NOTHING = Question(text="", collection="")
CHAT_PATH = "/v1/chat/completions"


class _Cited(msgspec.Struct):
    doc_id: str


class Answer(msgspec.Struct):
    """Of an answer, by whichever door, what names decisions and documents."""

    decision_id: str | None = None
    run_id: str | None = None
    approval_id: str | None = None
    citations: tuple[_Cited, ...] = ()


class _Choice(msgspec.Struct):
    message: dict[str, msgspec.Raw] = {}


class Completion(msgspec.Struct):
    """Of a chat completion, the same."""

    befit: Answer = msgspec.field(default_factory=Answer)
    choices: tuple[_Choice, ...] = ()


async def ask(scene: Scene) -> Sequence[Seen]:
    """`befit ask --as`, in quotes or written."""
    asking = scene.drawn(is_asserted=True)
    workflow = scene.chance.choice((QUOTING, WRITING))
    params: dict[str, object] = {
        "text": asking.question.text,
        "collection": asking.question.collection,
        "workflow": workflow,
    }
    async with scene.prompts(workflow) as prompts:
        printed = await scene.command("ask", params, scene.principal(asking.reader))
    answer = msgspec.json.decode(printed, type=Answer)
    scene.keep_decision(answer.decision_id, asking.reader)
    seen = replace(asking.saw(Surface.ASK, printed), expected=asking.expected)
    return (seen, *_prompted(asking, prompts), _citing(asking, printed, answer))


async def chat(scene: Scene) -> Sequence[Seen]:
    """`POST /v1/chat/completions`, the answer whole; then the asker's own decision."""
    asking = scene.drawn()
    workflow = scene.chance.choice((QUOTING, WRITING))
    async with scene.prompts(workflow) as prompts:
        reply = await chatted(scene, asking, workflow)
    completion = msgspec.json.decode(reply.body, type=Completion)
    seen = replace(asking.saw(Surface.CHAT, reply.body), expected=asking.expected)
    told = b"".join(bytes(raw) for each in completion.choices for raw in each.message.values())
    return (
        seen,
        *_prompted(asking, prompts),
        asking.saw(Surface.HEADERS, reply.head),
        _citing(asking, told, completion.befit),
        *await _own_decision(scene, asking, completion.befit.decision_id),
    )


async def stream(scene: Scene) -> Sequence[Seen]:
    """The same as a stream of events."""
    asking = scene.drawn()
    workflow = scene.chance.choice((QUOTING, WRITING))
    async with scene.prompts(workflow) as prompts:
        reply = await chatted(scene, asking, workflow, stream=True)
    return (
        asking.saw(Surface.STREAM, reply.body),
        *_prompted(asking, prompts),
        asking.saw(Surface.HEADERS, reply.head),
    )


async def run(scene: Scene) -> Sequence[Seen]:
    """`POST /v1/workflows/NAME/runs`, and coming back for its output."""
    asking = scene.drawn()
    question = asking.question
    body = msgspec.json.encode({"input": question.text, "collection": question.collection})
    path = f"/v1/workflows/{QUOTING}/runs"
    reply = await scene.stage.http(asking.reader, "POST", path, body)
    answer = msgspec.json.decode(reply.body, type=Answer)
    scene.keep_decision(answer.decision_id, asking.reader)
    again = await scene.stage.http(asking.reader, "GET", f"/v1/runs/{answer.run_id}")
    return (
        replace(asking.saw(Surface.RUN, reply.body), expected=asking.expected),
        asking.saw(Surface.RUN, again.body),
    )


async def route(scene: Scene) -> Sequence[Seen]:
    """`befit route --explain --as`: the plan hangs on what was retrieved, and shows none of it."""
    asking = scene.drawn(is_asserted=True)
    params: dict[str, object] = {
        "text": asking.question.text,
        "collection": asking.question.collection,
        "workflow": scene.chance.choice((QUOTING, WRITING)),
    }
    printed = await scene.command("route", params, scene.principal(asking.reader))
    return (asking.saw(Surface.ROUTE, printed),)


async def ask_a_person(scene: Scene) -> Sequence[Seen]:
    """An answer that waits for a person, with what it cites; others look at what waits."""
    asking = scene.drawn()
    reply = await chatted(scene, asking, REVIEWED)
    seen = [asking.saw(Surface.CHAT, reply.body), asking.saw(Surface.HEADERS, reply.head)]
    approval = msgspec.json.decode(reply.body, type=Completion).befit.approval_id
    others = [
        each
        for each in scene.chronicle.now.readers
        if not each.is_admin and each.name != asking.reader.name
    ]
    looking = replace(asking, reader=scene.chance.choice(others), question=_NOTHING)
    for path in (f"/v1/approvals/{approval}", "/v1/approvals"):
        shown = await scene.stage.http(looking.reader, "GET", path)
        seen.append(looking.saw(Surface.APPROVALS, shown.body))
    return seen


async def after_allowed(scene: Scene) -> Sequence[Seen]:
    """Somebody who may asks first, somebody who may not asks the very same: what is kept of
    the one answer must not become the other's."""
    first = scene.drawn()
    second = replace(
        first, reader=scene.chance.choice(scene.chronicle.now.readers), expected=frozenset()
    )
    workflow = scene.chance.choice((QUOTING, WRITING))
    async with scene.prompts(workflow):
        await chatted(scene, first, workflow)
    async with scene.prompts(workflow) as prompts:
        reply = await chatted(scene, second, workflow)
    return (
        second.saw(Surface.CACHE, reply.body),
        *_prompted(second, prompts),
        second.saw(Surface.HEADERS, reply.head),
    )


async def chatted(
    scene: Scene,
    asking: Asking,
    workflow: str,
    *,
    stream: bool = False,
    conversation: str | None = None,
) -> Reply:
    """Send a question as an OpenAI client would."""
    question = asking.question
    befit: dict[str, object] = {"collection": question.collection}
    if conversation is not None:
        befit["conversation"] = conversation
    body = {
        "model": f"workflow:{workflow}",
        "messages": [{"role": "user", "content": question.text}],
        "stream": stream,
        "befit": befit,
    }
    reply = await scene.stage.http(asking.reader, "POST", CHAT_PATH, msgspec.json.encode(body))
    for line in reply.head.decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        if name.lower() == "befit-decision":
            scene.keep_decision(value.strip(), asking.reader)
    return reply


def _prompted(asking: Asking, prompts: list[bytes]) -> list[Seen]:
    """Each prompt is a check; that the asker was not shown it does not matter."""
    return [
        replace(asking.saw(Surface.PROMPT, prompt), expected=asking.expected) for prompt in prompts
    ]


def _citing(asking: Asking, content: bytes, answer: Answer) -> Seen:
    cited = tuple(citation.doc_id for citation in answer.citations)
    return replace(asking.saw(Surface.CITATIONS, content), cited=cited)


async def _own_decision(scene: Scene, asking: Asking, decision_id: str | None) -> list[Seen]:
    if decision_id is None:
        return []
    reply = await scene.stage.http(asking.reader, "GET", f"/v1/decisions/{decision_id}")
    return [asking.saw(Surface.DECISIONS, reply.body)]
