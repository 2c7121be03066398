"""Acts of probing: does what is forbidden answer as what does not exist?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from befit.cli.leak_test.acts.searching import SEARCH_PATH
from befit.cli.leak_test.canary import new_mark
from befit.cli.leak_test.oracle import may_read
from befit.cli.leak_test.scene import Asking, Scene
from befit.cli.leak_test.surfaces import Seen, Surface

_OWN_TO_EACH = re.compile(r'"(decision_id|latency_ms)":("[^"]*"|[0-9.]+|null)')


async def show(scene: Scene) -> Sequence[Seen]:
    """`befit knowledge show` of a document that is not the asker's to keep."""
    asking = _forbidden(scene)
    if asking is None:
        return ()
    params: dict[str, object] = {}
    if scene.chance.random() < 0.5:
        params["collection"] = asking.canary.collection
    return await _compared(scene, asking, "knowledge.show", params, Surface.DOCUMENTS)


async def why(scene: Scene) -> Sequence[Seen]:
    """`befit knowledge why` as the reader themselves."""
    asking = _forbidden(scene)
    if asking is None:
        return ()
    params: dict[str, object] = {"collection": asking.canary.collection}
    return await _compared(scene, asking, "knowledge.why", params, Surface.WHY)


async def list_collections(scene: Scene) -> Sequence[Seen]:
    """`befit knowledge list`: names of collections, and to readers nothing that counts."""
    asking = scene.drawn(is_asserted=True)
    printed = await scene.command("knowledge.list", {}, scene.principal(asking.reader))
    seen = replace(asking.saw(Surface.DOCUMENTS, printed), sent="")
    counts = [word for word in (b'"documents":', b'"passages":') if word in printed]
    return (replace(seen, difference=f"a reader is told {counts}") if counts else seen,)


async def filter_by(scene: Scene) -> Sequence[Seen]:
    """A search filtered by a value that only a forbidden document has, and by one that none
    has: both find nothing, in the same words.

    The first is asked again behind the second. A class travels with released text, and where the
    question's own words are released to somebody meanwhile, either may be before that.
    """
    asking = _forbidden(scene)
    if asking is None or asking.canary.folder is not None:
        return ()
    answers: list[bytes] = []
    reference, invented = asking.canary.reference, new_mark(scene.chance)
    for value in (reference, invented, reference):
        params = {
            "query": asking.question.text,
            "collections": [asking.canary.collection],
            "filters": {"reference": value},
        }
        body = msgspec.json.encode(params)
        reply = await scene.stage.http(asking.reader, "POST", SEARCH_PATH, body)
        answers.append(reply.body)
    names = (reference, invented)
    before, other, after = answers
    is_after = _plain(other.decode(), names) == _plain(after.decode(), names)
    return _same(scene, asking, [after if is_after else before, other], names)


async def _compared(
    scene: Scene,
    asking: Asking,
    operation: str,
    params: dict[str, object],
    surface: Surface,
) -> Sequence[Seen]:
    """The answer about the document beside that about one that there is not."""
    reader = asking.reader.asserted
    invented = asking.canary.doc_id.replace(asking.canary.marks[0], new_mark(scene.chance))
    answers = [
        await scene.command(operation, {**params, "doc_id": doc_id}, scene.principal(reader))
        for doc_id in (asking.canary.doc_id, invented)
    ]
    asked = replace(asking, reader=reader)
    seen = asked.saw(surface, answers[0], sent=asking.canary.doc_id)
    names = (asking.canary.doc_id, invented)
    return (seen, *_same(scene, asked, answers, names))


def _same(
    scene: Scene, asking: Asking, answers: list[bytes], names: tuple[str, ...]
) -> tuple[Seen, ...]:
    """One check: two answers say the same, apart from the names that were asked about.

    Where rights changed meanwhile, there is nothing to compare.
    """
    if scene.chronicle.latest != asking.since:
        return ()
    first, second = (_plain(answer.decode(), names) for answer in answers)
    seen = asking.saw(Surface.ERRORS, answers[0], sent=" ".join(names))
    return (replace(seen, difference="" if first == second else f"{first} / {second}"),)


def _plain(answer: str, names: tuple[str, ...]) -> str:
    for name in names:
        answer = answer.replace(name, "NAME")
    return _OWN_TO_EACH.sub(r'"\1":..', answer)


def _forbidden(scene: Scene) -> Asking | None:
    """A reader with a question about a document that they may not read, by whichever door."""
    world, since = scene.chronicle.now, scene.chronicle.settled
    if scene.chronicle.latest != since:
        return None
    reader = scene.chance.choice([each for each in world.readers if not each.is_admin])
    own = {
        canary.doc_id
        for canary in world.canaries
        if may_read(world, reader, canary) or may_read(world, reader.asserted, canary)
    }
    found = [canary for canary in world.canaries if canary.doc_id not in own]
    return scene.about(reader, scene.chance.choice(found), since) if found else None
