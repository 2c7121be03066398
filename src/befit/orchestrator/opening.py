"""Steps "authenticate", "open", "classify" and "authorise"."""

from __future__ import annotations

from befit.audit import EventType
from befit.conversation import Carried
from befit.identity import Principal
from befit.messages import ChatRequest
from befit.orchestrator import account
from befit.orchestrator.arrival import Digest, Kind, Source
from befit.orchestrator.calls import Calls
from befit.orchestrator.collaborators import Collaborators
from befit.orchestrator.content import Content
from befit.orchestrator.decision_log import DecisionLog
from befit.orchestrator.examining import examined, off_the_loop
from befit.orchestrator.run import Run
from befit.policy import ClassOrigin, DataClassification, Form, Verdicts, classify
from befit.vocabulary import Purpose, new_id


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

    def open(
        self,
        principal: Principal,
        request: ChatRequest,
        kind: Kind,
        source: Source,
        *,
        digest: Digest | None = None,
    ) -> Run:
        """Begin the one decision of this request. From here on every way out closes it."""
        decision_id = new_id("dec")
        in_force = self._rooms.in_force()
        log = DecisionLog(
            self._rooms.ledger,
            tenant=principal.tenant,
            decision_id=decision_id,
            principal=principal.id,
            policy=in_force.policy.hash,
        )
        run = Run(
            principal=principal,
            request=request,
            source=source,
            kind=kind,
            in_force=in_force,
            catalog=in_force.catalog.of(principal.tenant),
            log=log,
            decision_id=decision_id,
            digest=digest,
        )
        log.stage(EventType.OPENED, account.opened(run), step=run.step)
        return run

    async def classify(self, run: Run) -> None:
        """Join what caller, workflow, conversation and the text itself say: class and tags.

        Raises:
            InvalidRequest: a field of the request is no JSON.
            Overloaded, WorkspaceError: what was released before cannot be read.
        """
        conversation = run.request.befit.conversation
        owner = (run.principal.tenant, run.principal.id)
        conversations = self._rooms.conversations
        carried = await conversations.carried(*owner, conversation) if conversation else None
        await self._examine(run)
        said = classify(
            run.request,
            run.workflow,
            carried_class=carried.data_class if carried else None,
            carried_tags=carried.tags if carried else frozenset(),
            undeclared=run.in_force.undeclared_class,
            examination=run.examination,
        )
        said = await self._joined_with_released(run, said)
        run.classification = said
        if conversation:
            turn = Carried(data_class=said.data_class, tags=said.tags)
            now = await conversations.join(*owner, conversation, turn)
            # Another turn may have been joined since `carried` was read.
            run.classification = said.carrying(now.data_class, now.tags)

    async def _examine(self, run: Run) -> None:
        """Find what the texts hold; a long text is examined off the event loop."""
        examine = run.in_force.examine
        if examine is None or not run.request.messages:  # a bulk examines its rows
            return
        run.content, run.examination = await examined(examine, run.request)
        run.request = run.content.as_read

    async def _joined_with_released(self, run: Run, said: DataClassification) -> DataClassification:
        """A text that holds what was released before has at least the class it had then."""
        if not run.request.messages:  # a bulk looks at its rows
            return said
        content = run.content or await off_the_loop(run.request, lambda: Content.of(run.request))
        carries = await self._rooms.released.class_of(run.principal.tenant, content.texts)
        if carries is None:
            return said
        return said.carrying(carries.data_class, carries.tags, origin=ClassOrigin.RELEASED)

    async def authorise(self, run: Run, *, purpose: Purpose = Purpose.ANSWER) -> Verdicts:
        """Policy's verdict on every card of the catalog, for the joined class."""
        cards = tuple(run.catalog.cards.values())
        situation = await self._calls.situation(run, cards, purpose=purpose)
        verdicts = run.policy.decide(situation)
        run.situation = situation
        run.forms = {name: verdict.form for name, verdict in verdicts.by_model.items()}
        if Form.REDACTED in run.forms.values():
            await off_the_loop(run.request, run.redacted)
        return verdicts
