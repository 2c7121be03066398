"""Steps "authenticate", "open", "classify" and "authorise"."""

from __future__ import annotations

import asyncio

from befit.audit import EventType
from befit.errors import NotFound
from befit.identity import Principal
from befit.messages import ChatRequest
from befit.orchestrator import account
from befit.orchestrator.arrival import Kind, Source
from befit.orchestrator.calls import Calls
from befit.orchestrator.collaborators import Collaborators
from befit.orchestrator.content import Content
from befit.orchestrator.decision_log import DecisionLog
from befit.orchestrator.run import Run
from befit.policy import Verdicts, classify
from befit.vocabulary import Purpose, new_id

_AT_ONCE_CHARACTERS = 4096
"""Handing a shorter text to a thread costs more than examining it."""


class Opening:
    """From a caller's key to policy's verdict on every card."""

    def __init__(self, rooms: Collaborators, calls: Calls) -> None:
        self._rooms = rooms
        self._calls = calls

    async def authenticate(self, caller: str | Principal | None) -> Principal:
        """The principal behind a bearer text; the command line's stands already.

        Raises:
            NotAuthenticated: counted in metrics only, since nobody asked yet.
        """
        if isinstance(caller, Principal):
            return caller
        return await self._rooms.authenticator.authenticate(caller)

    def open(self, principal: Principal, request: ChatRequest, kind: Kind, source: Source) -> Run:
        """Begin the one decision of this request. From here on every way out closes it."""
        decision_id = new_id("dec")
        policy = self._rooms.policy()
        log = DecisionLog(
            self._rooms.ledger,
            tenant=principal.tenant,
            decision_id=decision_id,
            principal=principal.id,
            policy=policy.hash,
        )
        run = Run(
            principal=principal,
            request=request,
            source=source,
            kind=kind,
            catalog=self._rooms.catalog().of(principal.tenant),
            policy=policy,
            log=log,
            decision_id=decision_id,
        )
        log.stage(EventType.OPENED, account.opened(run), step=run.step)
        return run

    async def classify(self, run: Run) -> None:
        """Join the class that caller, workflow, conversation and the text itself say."""
        conversation = run.request.befit.conversation
        owner = (run.principal.tenant, run.principal.id)
        conversations = self._rooms.conversations
        carried = await conversations.joined_class(*owner, conversation) if conversation else None
        await self._examine(run)
        run.classification = classify(
            run.request,
            run.workflow,
            conversation=carried,
            undeclared=self._rooms.undeclared(),
            examination=run.examination,
        )
        if conversation:
            await conversations.raise_class(*owner, conversation, run.classification.data_class)

    async def _examine(self, run: Run) -> None:
        """Find what the texts hold; a long text is examined off the event loop."""
        examine = self._rooms.examine()
        if examine is None or not run.request.messages:  # a bulk examines its rows
            return
        run.content = content = Content.of(run.request)
        if sum(map(len, content.texts)) <= _AT_ONCE_CHARACTERS:
            run.examination = examine(content.texts)
        else:
            run.examination = await asyncio.to_thread(examine, content.texts)
        run.request = content.as_read

    async def authorise(self, run: Run, *, purpose: Purpose = Purpose.ANSWER) -> Verdicts:
        """Policy's verdict on every card of the catalog, for the joined class."""
        if run.request.befit.collection is not None:
            raise NotFound(
                f"no collection {run.request.befit.collection!r}", param="befit.collection"
            )
        cards = tuple(run.catalog.cards.values())
        situation = await self._calls.situation(run, cards, purpose=purpose)
        verdicts = run.policy.decide(situation)
        run.situation = situation
        run.forms = {name: verdict.form for name, verdict in verdicts.by_model.items()}
        return verdicts
