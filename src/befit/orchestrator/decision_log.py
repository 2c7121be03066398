"""`DecisionLog`: the events of one decision, staged in order and made durable in groups."""

from __future__ import annotations

from collections.abc import Mapping

from befit.audit import Draft, EventType, Ledger, Receipt, Sections
from befit.errors import LedgerUnavailable
from befit.orchestrator.uninterrupted import to_the_end
from befit.vocabulary import DataClass

_ENDS = frozenset({EventType.CLOSED, EventType.WAITING})


class DecisionLog:
    """Stages events of one decision and appends what is staged in one group.

    Staging lets `opened` and the first `reserved`, and likewise `settled` and `closed`,
    become durable together.
    """

    def __init__(
        self, ledger: Ledger, *, tenant: str, decision_id: str, principal: str, policy: str
    ) -> None:
        self._ledger = ledger
        self._tenant = tenant
        self._decision_id = decision_id
        self._principal = principal
        self._policy = policy
        self._staged: list[Draft] = []
        self._word = ""  # the data class that events have named, once they have
        self._opened: Receipt | None = None
        self._is_ended = False

    @property
    def opened(self) -> Receipt:
        """The receipt of the `opened` event, once it is durable."""
        if self._opened is None:
            raise LedgerUnavailable("the decision's opened event is not durable yet")
        return self._opened

    def stage(self, event: EventType, fields: Mapping[str, object], *, step: str) -> None:
        """Put an event behind those staged before; nothing is durable yet."""
        self._word = str(fields.get("data_class") or self._word)
        self._staged.append(
            Draft(
                type=event,
                tenant=self._tenant,
                decision_id=self._decision_id,
                step=step,
                principal=self._principal,
                policy=self._policy,
                fields=Sections.of(fields),
                data_class=DataClass.from_word(self._word) if self._word else None,
            )
        )

    @property
    def is_ended(self) -> bool:
        """Whether `closed` or `waiting` is durable: nothing more may be said of the request."""
        return self._is_ended

    async def flush(self) -> tuple[Receipt, ...]:
        """Make all staged events durable; receipts in their order.

        The ledger finishes what it was given even if the caller is cancelled meanwhile. So
        a cancellation is held back until the events are durable: whoever cleans up then
        knows how the decision stands.

        Raises:
            LedgerUnavailable: and then nothing may be called or answered.
        """
        staged, self._staged = tuple(self._staged), []
        return await to_the_end(self._append(staged))

    async def _append(self, staged: tuple[Draft, ...]) -> tuple[Receipt, ...]:
        receipts = await self._ledger.append(staged)
        if self._opened is None:
            self._opened = receipts[0]
        self._is_ended = self._is_ended or staged[-1].type in _ENDS
        return receipts
