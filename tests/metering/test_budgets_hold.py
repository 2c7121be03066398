"""Promise 6: whatever happens in whatever order, no budget is overspent."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from befit.errors import BudgetExhausted
from befit.metering import Account, Budgets, BudgetScope, Reservation, account_of, restore
from befit.storage import Database, SqlBudgetStore, database_url, upgrade
from befit.vocabulary import BudgetPeriod

START = 1_772_366_400.0
SCOPES = (
    BudgetScope(name="key:K1", limit_usd=Decimal("1.00")),
    BudgetScope(name="key:K1", limit_usd=Decimal("0.40"), tenant="other"),
    BudgetScope(name="workflow:triage", limit_usd=Decimal("0.70"), period=BudgetPeriod.DAY),
)
AMOUNTS = st.sampled_from(["0", "0.0001", "0.01", "0.15", "0.33", "0.5"]).map(Decimal)
SOME_SCOPES = st.lists(st.sampled_from(SCOPES), unique=True, max_size=3).map(tuple)
SHARES = ("0", "0.3", "1", "1")
PROCESSES = 3


@dataclass
class Made:
    """A reservation, the accounts it was charged to, and the process that made it."""

    reservation: Reservation
    accounts: tuple[Account, ...]
    most_usd: Decimal
    process: int


@dataclass
class Books:
    """What truly was spent and is reserved, kept apart from what is tested."""

    settled: dict[Account, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    open: list[Made] = field(default_factory=list)

    def used(self, account: Account) -> Decimal:
        reserved = sum(
            (made.most_usd for made in self.open if account in made.accounts), Decimal(0)
        )
        return self.settled[account] + reserved

    async def spent_usd(self, tenant: str, scope: str, *, since: float, until: float) -> Decimal:
        return sum(
            (
                amount
                for account, amount in self.settled.items()
                if (account.tenant, account.scope) == (tenant, scope)
                and account.period in {"total", Day.of(since)}
            ),
            Decimal(0),
        )


class Day:
    @staticmethod
    def of(at: float) -> str:
        return account_of(SCOPES[2], at).period


class BudgetMachine(RuleBasedStateMachine):
    """Several processes on one database reserve, settle, cross midnight, stop and die."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        url = database_url(Path(self.folder.name) / "befit.db")
        upgrade(url)
        self.database = Database(url)
        self.store = SqlBudgetStore(self.database)
        self.now = START
        self.books = Books()
        self.processes = [self._process() for _ in range(PROCESSES)]

    def _process(self) -> Budgets:
        return Budgets(self.store, lambda: self.now)

    @rule(
        asked=st.lists(
            st.tuples(st.integers(0, PROCESSES - 1), SOME_SCOPES, AMOUNTS), min_size=1, max_size=6
        )
    )
    def reserve_at_once(self, asked: list[tuple[int, tuple[BudgetScope, ...], Decimal]]) -> None:
        async def reserve(process: int, scopes: tuple[BudgetScope, ...], most: Decimal) -> None:
            try:
                reservation = await self.processes[process].reserve(scopes, most)
            except BudgetExhausted:
                return
            accounts = tuple(account_of(scope, self.now) for scope in scopes)
            self.books.open.append(Made(reservation, accounts, most, process))

        async def all_of_them() -> None:
            await asyncio.gather(*(reserve(*each) for each in asked))

        self.loop.run_until_complete(all_of_them())

    @precondition(lambda self: self.books.open)
    @rule(data=st.data(), share=st.sampled_from(SHARES))
    def settle_one(self, data: st.DataObject, share: str) -> None:
        made = self.books.open.pop(data.draw(st.integers(0, len(self.books.open) - 1)))
        self.loop.run_until_complete(self._settle([made], Decimal(share)))

    @precondition(lambda self: self.books.open)
    @rule(share=st.sampled_from(SHARES))
    def settle_all(self, share: str) -> None:
        made, self.books.open = self.books.open, []
        self.loop.run_until_complete(self._settle(made, Decimal(share)))

    async def _settle(self, settling: list[Made], share: Decimal) -> None:
        for made in settling:
            cost = (made.most_usd * share).quantize(Decimal("1e-9"), "ROUND_DOWN")
            for account in made.accounts:
                self.books.settled[account] += cost
            self.processes[made.process].settle(made.reservation, cost)

    @rule(process=st.integers(0, PROCESSES - 1))
    def give_back(self, process: int) -> None:
        self.loop.run_until_complete(self.processes[process].give_back())

    @rule(process=st.integers(0, PROCESSES - 1))
    def die(self, process: int) -> None:
        """Killed: its open calls settle in full, and what it had leased is nobody's."""
        for made in [made for made in self.books.open if made.process == process]:
            self.books.open.remove(made)
            for account in made.accounts:
                self.books.settled[account] += made.most_usd
        self.loop.run_until_complete(self._end_errands())
        self.processes[process] = self._process()

    async def _end_errands(self) -> None:
        """What a dying process has asked of the database is done or not, but not later."""
        errands = asyncio.all_tasks() - {asyncio.current_task()}
        for errand in errands:
            errand.cancel()
        await asyncio.gather(*errands, return_exceptions=True)
        await self.database.run(lambda _: None)

    @rule()
    def restart(self) -> None:
        """All stop, one after the other by a crash, and budgets are counted anew."""
        for process in range(PROCESSES):
            self.die(process)
        self.loop.run_until_complete(restore(self.store, self.books, lambda: self.now))

    @rule(hours=st.sampled_from([1, 13]))
    def time_passes(self, hours: int) -> None:
        self.now += hours * 3600

    @invariant()
    def no_budget_is_overspent(self) -> None:
        for scope in SCOPES:
            accounts = {account_of(scope, self.now)} | {
                account
                for account in self.books.settled
                if (account.tenant, account.scope) == (scope.tenant, scope.name)
            }
            for account in accounts:
                assert self.books.used(account) <= scope.limit_usd, account

    def teardown(self) -> None:
        self.loop.run_until_complete(self._end_errands())
        self.loop.close()
        self.database.close()
        self.folder.cleanup()


TestBudgetsHold = BudgetMachine.TestCase
TestBudgetsHold.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
