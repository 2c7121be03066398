"""The promises, each as one check over what was asked, heard, called and written."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from befit.audit import DecisionGrammar, EventType, VerifyReport
from befit.testing import Visit
from befit.vocabulary import DataClass, Purpose, Zone
from tests.gateway.promises.account import Account, Written, told, types_of
from tests.gateway.promises.asking import (
    CARD_DIGITS,
    CHAT,
    EMBEDDINGS,
    Ask,
    Scenario,
)
from tests.gateway.promises.oracle import (
    Reading,
    contradicts_itself,
    named_model,
    named_workflow,
)
from tests.gateway.promises.wire import LEAVES_AT_ONCE, STAYS, Heard
from tests.gateway.promises.world import EMBEDDER, SECRET_ANSWER


@dataclass(frozen=True)
class Arrived:
    """One request with content as an upstream saw it, and whose it was."""

    model: str
    decision_id: str
    ask: Ask
    visit: Visit[tuple[Written, ...]]


@dataclass
class Evidence:
    """Everything there is to judge one scenario by.

    Attributes:
        visits: by model, what its upstream saw.
        hour: of the day in UTC when it was asked.
        key_ids: the ids of the keys, by their names here.
        addresses: what this process, gateway and clients, has connected to or looked up.
        may_speak_to: the gateway and the upstreams that the workspace declares.
    """

    scenario: Scenario
    heard: tuple[Heard, ...]
    visits: dict[str, list[Visit[tuple[Written, ...]]]]
    account: Account
    report: VerifyReport
    key_ids: dict[str, str]
    hour: int
    addresses: tuple[object, ...]
    may_speak_to: frozenset[tuple[str, int]]
    decision_of: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        by_input = {
            told(events[0], "input_sha256"): decision_id
            for decision_id, events in self.account.decisions.items()
        }
        for ask, heard in zip(self.scenario.asks, self.heard, strict=True):
            found = heard.decision_id or by_input.get(_input_sha256(ask))
            if found is not None:
                self.decision_of[ask.word] = found

    def arrivals(self) -> Iterator[Arrived]:
        """Every request with content, joined with its ask; one of nobody's fails."""
        for model, visits in self.visits.items():
            for visit in visits:
                text = visit.request.body.decode()
                # What was asked earlier in the conversation stands before what is asked now.
                asks = {text.rfind(f"ask {ask.word}:"): ask for ask in self.scenario.asks}
                place = max(asks)
                is_alone = len([at for at in asks if at >= 0]) == 1
                assert place >= 0, f"{model} was called with {text}"
                assert is_alone or self.reading(asks[place]).reads, f"{model}: {text}"
                yield Arrived(model, self.decision_of[asks[place].word], asks[place], visit)

    def reading(self, ask: Ask) -> Reading:
        """The oracle's reading of an ask; only `auto` takes its workflow from the record."""
        return self._read(ask, carried=self._carried(ask))

    def _read(self, ask: Ask, *, carried: DataClass) -> Reading:
        name = named_workflow(ask)
        if name is None and named_model(ask) is None and ask.at != EMBEDDINGS:
            recorded = self.account.last_told(self.decision_of[ask.word], "workflow") or {}
            name = recorded.get("name")
        world = self.scenario.world
        return Reading(
            world=world,
            ask=ask,
            flow=world.flow(name),
            named=named_model(ask),
            carried=carried,
            hour=self.hour,
        )

    def _carried(self, ask: Ask) -> DataClass:
        """The class that the conversation had by then.

        At least that of what was answered before. A turn that was refused, or that came at the
        same time, may have raised it too; whether it had by then, only the record can say. It
        is believed where such a turn has just that class: rules may deny one class and permit
        the next, so the least alone is no reading.
        """
        alone: set[DataClass] = set()
        least = DataClass.PUBLIC
        for other, heard in self._other_turns(ask):
            reading = self._read(other, carried=DataClass.PUBLIC)
            data_class = reading.data_class
            # One that was refused may have been before anything was found.
            alone |= {data_class, reading.without_papers}
            if heard.status == 200 and not self.scenario.at_once:
                least = max(least, data_class)
        decision_id = self.decision_of.get(ask.word)
        word = self.account.last_told(decision_id, "data_class") if decision_id else None
        raised = DataClass.from_word(word) if word else DataClass.PUBLIC
        return max(least, raised) if raised in alone else least

    def _other_turns(self, ask: Ask) -> Iterator[tuple[Ask, Heard]]:
        """The turns of an ask's conversation that may have come before it."""
        for other, heard in zip(self.scenario.asks, self.heard, strict=True):
            if other == ask and not self.scenario.at_once:
                return
            is_same = (other.key, other.conversation) == (ask.key, ask.conversation)
            is_known = other.word in self.decision_of
            if other != ask and ask.conversation is not None and is_same and is_known:
                yield other, heard


def check_every_promise(evidence: Evidence) -> None:
    """All of them, the plainest first."""
    assert evidence.report.ok, evidence.report.problems
    _nothing_left(evidence)
    _one_decision_each(evidence)
    _calls_inside_permits(evidence)
    _no_passage_without_permission(evidence)
    _durable_before_the_call(evidence)
    _budgets_hold(evidence)
    _released_only_as_allowed(evidence)
    _answered_where_possible(evidence)


def _nothing_left(evidence: Evidence) -> None:
    """Promise 8: only what the workspace declares is spoken to, and sockets in its folder."""
    for address in evidence.addresses:
        is_file = isinstance(address, (str, bytes)) and Path(os.fsdecode(address)).is_absolute()
        assert is_file or address in evidence.may_speak_to, address


def _one_decision_each(evidence: Evidence) -> None:
    """Promise 5: one decision for each accepted request, whole, and none beside them."""
    least = most = 0
    for ask, heard in zip(evidence.scenario.asks, evidence.heard, strict=True):
        if not ask.leaves_decision:
            assert heard.status is not None and heard.status < 500, (ask, heard)
            continue
        most += 1
        least += ask.leaves != LEAVES_AT_ONCE
        if ask.leaves == STAYS:
            assert heard.decision_id in evidence.account.decisions, (ask, heard)
    found = evidence.account.decisions
    assert least <= len(found) <= most, f"{len(found)} decisions of {least} to {most} requests"
    assert len(set(evidence.decision_of.values())) == len(evidence.decision_of)
    assert evidence.report.decisions == len(found)
    for events in found.values():
        grammar = DecisionGrammar()
        for event in events:
            assert grammar.follow(event.type, told(event, "permit_id")) is None, types_of(events)
        assert grammar.end(is_live=False) is None, types_of(events)
        assert types_of(events).count(EventType.OPENED) == 1


def _calls_inside_permits(evidence: Evidence) -> None:
    """Promise 1: whatever reached an upstream, a permit for that very call allows."""
    arrived: Counter[tuple[str, str]] = Counter()
    for each in evidence.arrivals():
        reading = evidence.reading(each.ask)
        assert each.model in reading.allowed, (
            f"{each.ask} reached {each.model} as {reading.data_class.word}; "
            f"allowed are {sorted(reading.allowed)}"
        )
        zone = evidence.scenario.world.model(each.model).zone
        sent = each.visit.request.body.decode().replace(" ", "").replace("-", "")
        assert zone is not Zone.EXTERNAL or CARD_DIGITS not in sent
        arrived[each.decision_id, each.model] += 1
    for ask in evidence.scenario.asks:
        decision_id = evidence.decision_of.get(ask.word)
        if decision_id is None:
            continue
        reading = evidence.reading(ask)
        reserved: Counter[str] = Counter()
        for call in evidence.account.calls(decision_id):
            if call.purpose == Purpose.MATCH:
                assert (call.model, call.data_class) == (EMBEDDER.name, "restricted"), call
                assert reading.may_search, (ask, call)
                continue
            assert call.model in reading.allowed, (ask, call, sorted(reading.allowed))
            assert DataClass.from_word(call.data_class) >= reading.data_class, (ask, call)
            assert call.calls == 1
            reserved[call.model] += 1
        for model in evidence.visits:
            assert arrived[decision_id, model] <= reserved[model], (ask, model, reserved)


def _no_passage_without_permission(evidence: Evidence) -> None:
    """Promise 3: no word of a paper reaches who may not read it, nor a model on their behalf."""
    papers = evidence.scenario.world.papers
    for ask, heard in zip(evidence.scenario.asks, evidence.heard, strict=True):
        for paper in papers:
            if not paper.may_be_read(ask.key):
                assert paper.mark.encode() not in heard.body, (ask, paper, heard)
        decision_id = evidence.decision_of.get(ask.word)
        if decision_id is None or not ask.leaves_decision:
            continue
        found = evidence.account.last_told(decision_id, "passages") or ()
        readable = {paper.doc_id for paper in evidence.reading(ask).read}
        told = {passage["doc_id"] for passage in found}
        assert told in (set(), readable), (ask, found)
    for each in evidence.arrivals():
        sent = each.visit.request.body.decode()
        for paper in papers:
            assert paper.may_be_read(each.ask.key) or paper.mark not in sent, (each.ask, paper)


def _durable_before_the_call(evidence: Evidence) -> None:
    """Promise 5: `opened` and as many `reserved` as calls stood in the files at each arrival."""
    earlier: Counter[str] = Counter()
    for each in sorted(evidence.arrivals(), key=lambda found: found.visit.began):
        earlier[each.decision_id] += 1
        seen = Counter(
            leaf.type for leaf in each.visit.seen if leaf.decision_id == each.decision_id
        )
        assert seen["opened"] == 1, (each.ask, seen)
        assert seen["reserved"] >= earlier[each.decision_id], (each.ask, seen)
        assert seen["closed"] == seen["waiting"] == 0, (each.ask, seen)


def _budgets_hold(evidence: Evidence) -> None:
    """Promise 6: what was spent and what is under way never exceed a limit together."""
    world = evidence.scenario.world
    limit = Decimal(world.poor_usd)
    limits = {f"key:{evidence.key_ids['poor']}": limit}
    if world.has_workflow_budget:
        limits[f"workflow:{world.flows[1].name}"] = limit
    calls = [call for each in evidence.account.decisions for call in evidence.account.calls(each)]
    for call in calls:
        assert call.is_settled, call
        assert not set(limits) & set(call.scopes) or call.most_usd is not None, call
        if call.most_usd is not None:
            assert call.cost_usd is not None and call.cost_usd <= call.most_usd, call
    for scope, most in limits.items():
        spent = sum(call.cost_usd or Decimal(0) for call in calls if scope in call.scopes)
        assert spent <= most, (scope, spent, most)
    _budgets_hold_at_every_moment(evidence, limits)


def _budgets_hold_at_every_moment(evidence: Evidence, limits: dict[str, Decimal]) -> None:
    moments: list[tuple[float, str, Decimal]] = []
    taken: Counter[tuple[str, str]] = Counter()
    for each in sorted(evidence.arrivals(), key=lambda found: found.visit.began):
        key = each.decision_id, each.model
        of_model = [
            call for call in evidence.account.calls(each.decision_id) if call.model == each.model
        ]
        call = of_model[taken[key]]
        taken[key] += 1
        if call.most_usd is None or call.cost_usd is None:
            continue
        for scope in call.scopes:
            moments.append((each.visit.began, scope, call.most_usd))
            if each.visit.ended is not None:
                moments.append((each.visit.ended, scope, call.cost_usd - call.most_usd))
    held: dict[str, Decimal] = {}
    for _, scope, change in sorted(moments):
        held[scope] = held.get(scope, Decimal(0)) + change
        assert scope not in limits or held[scope] <= limits[scope], (scope, held[scope])


def _released_only_as_allowed(evidence: Evidence) -> None:
    """What a person must see first is in no answer; what was refused says why."""
    for ask, heard in zip(evidence.scenario.asks, evidence.heard, strict=True):
        if not ask.leaves_decision or ask.leaves != STAYS:
            continue
        reading = evidence.reading(ask)
        decision_id = evidence.decision_of[ask.word]
        answering = evidence.account.last_told(decision_id, "model")
        if answering is not None and reading.wants_person(answering):
            assert SECRET_ANSWER.encode() not in heard.body, (ask, heard)
        if heard.status != 200:
            error = json.loads(heard.body)["error"]
            assert error["decision_id"] == decision_id
            assert error["message"]
        last = evidence.account.decisions[decision_id][-1].type
        assert last in {EventType.CLOSED, EventType.WAITING}


def _answered_where_possible(evidence: Evidence) -> None:
    """No promise is kept by refusing everything: where all that may answer can, it does."""
    world = evidence.scenario.world
    for ask, heard in zip(evidence.scenario.asks, evidence.heard, strict=True):
        if not ask.leaves_decision or ask.leaves != STAYS or contradicts_itself(ask):
            continue
        reading = evidence.reading(ask)
        is_known = named_workflow(ask) is None or reading.flow is not None
        is_limited = ask.key == "poor" or world.has_workflow_budget
        allowed = [world.model(name) for name in reading.allowed]
        searches = bool(world.papers) and (reading.reads is not None or ask.target == "auto")
        if (
            is_known
            and allowed
            and not (searches and not reading.may_search)
            and all(model.answers for model in allowed)
            and not is_limited
            and ask.content == "plain"
            and ask.conversation is None
        ):
            assert heard.status == 200, (ask, sorted(reading.allowed), heard)


def _input_sha256(ask: Ask) -> str | None:
    """What the record says of a chat's messages, which only the sender can know as well."""
    if ask.at != CHAT:
        return None
    messages = json.dumps(json.loads(ask.body)["messages"])
    return hashlib.sha256(messages.encode()).hexdigest()
