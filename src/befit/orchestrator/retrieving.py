"""Step "retrieve": the passages that the reader may have, and the class that they bring.

They are searched before policy is asked about models, so that a confidential passage keeps
the question on models that may read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from befit.catalog import AnswerMode, Capability, Knowledge, ModelCard
from befit.conversation import Carried
from befit.errors import InvalidRequest, NoFitModel
from befit.identity import Principal
from befit.knowledge import may_retrieve
from befit.knowledge.retrieval import Question
from befit.knowledge.search import Ask, Found, MayRead
from befit.messages import Message
from befit.orchestrator.collaborators import Collaborators
from befit.orchestrator.consultation import Consultation
from befit.orchestrator.examining import examined
from befit.orchestrator.inspection import MOST_CHARACTERS, Inspection, embedder_of
from befit.orchestrator.prompt import with_passages
from befit.orchestrator.recalling import Recalling
from befit.orchestrator.run import Run
from befit.policy import ClassOrigin
from befit.routing import WRITE

_SPOKEN = frozenset({"user", "assistant"})


class Retrieving:
    """Searches documents for a run. Whoever searches without answering shares its parts."""

    def __init__(self, rooms: Collaborators, inspection: Inspection) -> None:
        self._rooms = rooms
        self._inspection = inspection
        self._recalling = Recalling(rooms)

    async def retrieve(self, run: Run) -> None:
        """Search what the run's workflow or request names, and join what was found.

        Raises:
            InvalidRequest: the request and its workflow do not agree on collections, or it
                asks for what an answer from documents cannot be.
            NotFound: no such collection.
            IndexDamaged, Overloaded, ModelFailure: nothing could be searched.
        """
        knowledge = _knowledge(run)
        if knowledge is None:
            return
        knowledge = self._as_named(run, knowledge)
        _require_plain(run)
        question = await self._question(run)
        embedder = self.embedder(run)
        vectors = await self.embed(run, question.texts)
        ask = Ask(
            reader=run.principal,
            may_read=may_read(run, run.principal),
            question=question,
            vectors=vectors,
            collections=knowledge.collections,
            limit=knowledge.passages,
            names_documents=run.policy.rules.names_documents,
        )
        run.consultation = Consultation(
            collections=knowledge.collections,
            mode=knowledge.mode,
            question=question,
            vectors=vectors,
            embedder=embedder,
            found=await self.search(run, ask),
        )
        await self._join_conversation(run)
        if knowledge.mode is AnswerMode.WRITE:
            await _put_passages(run)

    def embedder(self, run: Run) -> ModelCard:
        """The model that questions are embedded by.

        Raises:
            NoFitModel: the catalog has none.
        """
        embedder = embedder_of(run.catalog)
        if embedder is None:
            raise NoFitModel(
                "no model on this machine embeds, so no documents can be searched",
                next_step="add the card minilm-l6 to befit.yaml, as `befit init` writes it",
            )
        return embedder

    async def embed(self, run: Run, texts: Sequence[str]) -> NDArray[np.float32]:
        """A unit vector for each text, under an inspection permit; the beginning of long ones."""
        return await self._inspection.embed(run, self.embedder(run), texts)

    async def search(self, run: Run, ask: Ask) -> Found:
        """Search, and join the class and tags of what was found into the run's."""
        found = await self._rooms.library.search(ask)
        run.classification = run.classification.carrying(
            found.data_class, found.tags, origin=ClassOrigin.PASSAGES
        )
        return found

    def _as_named(self, run: Run, knowledge: Knowledge) -> Knowledge:
        """A model that is named writes, if it is able; the embedder can be named to quote."""
        card = run.named_model
        if card is None:
            return knowledge
        if card == embedder_of(run.catalog):
            return replace(knowledge, mode=AnswerMode.QUOTE)
        evidence = self._rooms.evidence(run.principal.tenant)
        is_able = evidence.is_able(card, WRITE, run.workflow)
        if Capability.CHAT not in card.capabilities or not is_able:
            raise InvalidRequest(
                f"model {card.name!r} is neither declared nor measured able to write answers "
                "from documents",
                next_step="leave the model out, and the documents are quoted",
                param="model",
            )
        return replace(knowledge, mode=AnswerMode.WRITE)

    async def _question(self, run: Run) -> Question:
        messages = run.request.messages
        asked = max((at for at, each in enumerate(messages) if each.role == "user"), default=-1)
        text = messages[asked].text.strip()
        if not text:
            raise InvalidRequest("the question is empty", param="messages")
        history: Sequence[Message] = messages[:asked] if asked >= 0 else ()
        if not any(turn.role in _SPOKEN for turn in history):
            history = await self._recalling.history(run, may_read(run, run.principal))
        question = Question.of(text, history)
        return Question(
            text=question.text,
            earlier=tuple(each[:MOST_CHARACTERS] for each in question.earlier),
            answer=question.answer and question.answer[:MOST_CHARACTERS],
        )

    async def _join_conversation(self, run: Run) -> None:
        """What was found is part of the conversation from here on, answered or not."""
        conversation = run.request.befit.conversation
        if conversation is None:
            return
        said = run.classification
        turn = Carried(data_class=said.data_class, tags=said.tags)
        owner = (run.principal.tenant, run.principal.id, conversation)
        now = await self._rooms.conversations.join(*owner, turn)
        run.classification = said.carrying(now.data_class, now.tags)


def may_read(run: Run, reader: Principal) -> MayRead:
    """Policy's word on a collection or document for one reader, under the run's rules."""
    return may_retrieve(run.policy, reader, hour=run.hour)


def _knowledge(run: Run) -> Knowledge | None:
    """What the run answers from: its workflow's collections, or the one that is named."""
    named, workflow = run.request.befit.collection, run.workflow
    if workflow is None:
        return None if named is None else Knowledge(collections=(named,))
    knowledge = workflow.knowledge
    if knowledge is None:
        if named is None:
            return None
        raise InvalidRequest(
            f"workflow {workflow.name!r} answers from no documents",
            next_step="leave the collection out, or give the workflow a `knowledge` key",
            param="befit.collection",
        )
    if named is None:
        if not knowledge.collections:
            raise InvalidRequest(
                f"workflow {workflow.name!r} needs to be told which collection to ask",
                next_step="name one: befit.collection over HTTP, --collection on the command line",
                param="befit.collection",
            )
        return knowledge
    if knowledge.collections and named not in knowledge.collections:
        raise InvalidRequest(
            f"workflow {workflow.name!r} asks {', '.join(knowledge.collections)}, not {named}",
            param="befit.collection",
        )
    return replace(knowledge, collections=(named,))


def _require_plain(run: Run) -> None:
    """An answer from documents is one text with citations; nothing else could be checked."""
    request = run.request
    wanted = request.response_format
    asked_for = {
        "tools": request.has_tools,
        "response_format": wanted is not None and wanted.type != "text",
        "n": request.choices != 1,
    }
    for param, is_asked in asked_for.items():
        if is_asked:
            raise InvalidRequest(
                "an answer from documents is one text with citations",
                next_step=f"leave {param} out",
                param=param,
            )


async def _put_passages(run: Run) -> None:
    """Put passages and question into what a writing model reads, and examine it as a whole."""
    consultation = run.consultation
    if consultation is None or not consultation.found.passages:
        return
    instructions = run.workflow.instructions if run.workflow else ""
    run.request = with_passages(run.request, consultation, instructions)
    examine = run.in_force.examine
    if examine is None:
        return
    run.content, run.examination = await examined(examine, run.request)
    run.request = run.content.as_read
    is_text = run.request.is_text_only and run.examination.is_whole
    run.classification = run.classification.joined(run.examination, is_text=is_text)
