"""What a conversation is remembered by where its client sends the last question alone."""

from __future__ import annotations

import time

from befit.conversation import Turn
from befit.knowledge.search import MayRead
from befit.messages import Message
from befit.orchestrator.collaborators import Collaborators
from befit.orchestrator.run import Run


class Recalling:
    """Earlier questions and the last answer, as far as the reader may still read its sources."""

    def __init__(self, rooms: Collaborators) -> None:
        self._rooms = rooms

    async def history(self, run: Run, may_read: MayRead) -> tuple[Message, ...]:
        """The conversation before this question, oldest turn first; empty where there is none."""
        conversation = run.request.befit.conversation
        if conversation is None:
            return ()
        reader = run.principal
        turns = await self._rooms.turns.latest(reader.tenant, reader.id, conversation)
        if not turns:
            return ()
        messages = [Message(role="user", content=turn.question) for turn in reversed(turns)]
        last = turns[0]
        if last.answer is not None and await self._is_readable(run, last, may_read):
            messages.append(Message(role="assistant", content=last.answer))
        return tuple(messages)

    async def keep(self, run: Run, answer: str) -> None:
        """Remember a turn whose answer is about to be released."""
        conversation, consultation = run.request.befit.conversation, run.consultation
        if conversation is None or consultation is None:
            return
        grounds = consultation.grounds
        is_found = grounds is not None and grounds.found
        turn = Turn(
            question=consultation.question.text,
            answer=answer if is_found else None,
            passages=tuple(each.passage_id for each in consultation.behind),
            data_class=run.classification.data_class,
            at=time.time(),
        )
        await self._rooms.turns.add(run.principal.tenant, run.principal.id, conversation, turn)

    async def _is_readable(self, run: Run, turn: Turn, may_read: MayRead) -> bool:
        """Whether every passage behind an answer is still there, and still for this reader."""
        if not turn.passages:
            return False
        readable = await self._rooms.library.readable(run.principal, may_read, turn.passages)
        return readable >= set(turn.passages)
