"""What is checked and kept before an answer from documents leaves."""

from __future__ import annotations

from dataclasses import replace

from befit.errors import Conflict
from befit.knowledge.feedback import AskedQuestion, ShownPassage
from befit.knowledge.released import Carries, ReleasedText
from befit.knowledge.search import FoundPassage
from befit.orchestrator.collaborators import Collaborators
from befit.orchestrator.consultation import Consultation, Grounds
from befit.orchestrator.recalling import Recalling
from befit.orchestrator.retrieving import may_read
from befit.orchestrator.run import Run


class Releasing:
    """The last look at an answer's sources, and what is kept of it."""

    def __init__(self, rooms: Collaborators) -> None:
        self._rooms = rooms
        self._recalling = Recalling(rooms)

    async def prepare(self, run: Run, text: str, *, unattended: bool) -> None:
        """Check that the answer still stands, and remember what it says.

        Args:
            run: what was asked, with the grounds of its answer.
            text: the answer.
            unattended: whether it leaves at once; one that waits for a person is no turn of
                its conversation yet.

        Raises:
            Conflict: a document that it was made from has changed, or may not be read any more.
            Overloaded, WorkspaceError: what has to be kept could not be.
        """
        consultation = run.consultation
        if consultation is None or consultation.grounds is None:
            return
        await self._require_standing(run, consultation)
        consultation.grounds = await self._located(run, consultation.grounds)
        await self._rooms.released.remember(run.principal.tenant, _released(consultation, text))
        await self._rooms.feedback.keep(_asked(run, consultation))
        if unattended:
            await self._recalling.keep(run, text)

    async def _require_standing(self, run: Run, consultation: Consultation) -> None:
        """A written answer may owe its words to a passage that it does not cite."""
        behind = frozenset(each.passage_id for each in consultation.behind)
        if not behind:
            return
        cited = consultation.grounds.cited if consultation.grounds else ()
        library, reader = self._rooms.library, run.principal
        permits = may_read(run, reader)
        if not (
            await library.readable(reader, permits, sorted(behind)) >= behind
            and await library.stands(reader, permits, [each.citation for each in cited])
        ):
            raise Conflict(
                "a document behind the answer has changed, or who may read it has",
                next_step="ask again",
            )

    async def _located(self, run: Run, grounds: Grounds) -> Grounds:
        """The grounds, with the places of what they cite on its pages."""
        citations = await self._rooms.library.located(
            run.principal.tenant, [each.citation for each in grounds.cited]
        )
        cited = zip(grounds.cited, citations, strict=True)
        return replace(grounds, cited=tuple(replace(each, citation=new) for each, new in cited))


def _released(consultation: Consultation, text: str) -> list[ReleasedText]:
    """The answer and the passages behind it, each with the class that it takes along."""
    found, grounds = consultation.found, consultation.grounds
    if grounds is None or not grounds.found:
        return []
    behind = consultation.behind
    joined = Carries(
        data_class=max((each.data_class for each in behind), default=found.data_class),
        tags=frozenset(tag for each in behind for tag in each.tags),
    )
    return [ReleasedText(text=text, carries=joined), *map(released_passage, behind)]


def released_passage(passage: FoundPassage) -> ReleasedText:
    """A passage with the class that it takes along wherever it goes."""
    carries = Carries(data_class=passage.data_class, tags=passage.tags)
    return ReleasedText(text=passage.text, carries=carries)


def _asked(run: Run, consultation: Consultation) -> AskedQuestion:
    question, grounds = consultation.question, consultation.grounds
    cited = grounds.cited if grounds else ()
    shown = dict.fromkeys(
        ShownPassage(
            collection=each.citation.collection,
            doc_id=each.citation.doc_id,
            passage_id=each.citation.passage_id,
            version=each.citation.version,
        )
        for each in cited
    )
    return AskedQuestion(
        tenant=run.principal.tenant,
        decision_id=run.decision_id,
        principal_id=run.principal.id,
        workflow=run.workflow.name if run.workflow else None,
        question=question.text,
        history=question.history,
        passages=tuple(shown),
        behind=tuple(each.passage_id for each in consultation.behind),
        is_cited=True,
        data_class=run.classification.data_class,
        asked_at=run.opened_at,
    )
