"""`Policy`: one version of all rules, and the one door to what they decide.

    policy = default_policy()
    verdicts = policy.decide(situation)      # may this content go to each of these models?
    ruling = policy.judge(inquiry)           # may this principal do this to that?

Whatever fails denies: unknown never means open. A version never changes: changed rules are
another object, and verdicts of the old one are gone with it.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from befit.catalog import ModelCard, problems_as_error
from befit.identity import Role
from befit.policy.candidates import Candidates
from befit.policy.denial import denials, failure
from befit.policy.engine import Answer, Engine, Question, World
from befit.policy.entities import (
    inquiry_context,
    inquiry_entities,
    model_entity,
    principal_entities,
    principal_uid,
    resource_uid,
    workflow_entities,
)
from befit.policy.reason import inquiry_words, listed
from befit.policy.ruleset import PolicyChoice, RuleSet, read_policies
from befit.policy.situation import Action, Inquiry, Ruling, Situation, Verdict, Verdicts

_MOST_SEEN = 4096
_MOST_SEEN_ASIDE = 256
_MOST_WORLDS = 16
_AGE_S = 60.0

_log = logging.getLogger("befit.policy")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """Verdicts given at a time, for these very cards: a name says little of what it names."""

    at: float
    candidates: tuple[ModelCard, ...]
    verdicts: Verdicts


class Policy:
    """Decides under one set of rules; the very same question is answered from memory for 60 s.

    Attributes:
        rules: the rules in force.
        hash: `sha256:<hex>` of all that decides; every decision names it.

    Args:
        rules: as above.
        clock: seconds that verdicts age by.
        most_seen: how many situations are remembered; the one asked longest ago goes first.
        engine: one of the very same rules, where it is at hand already.
    """

    def __init__(
        self,
        rules: RuleSet,
        *,
        clock: Callable[[], float] = time.monotonic,
        most_seen: int = _MOST_SEEN,
        engine: Engine | None = None,
    ) -> None:
        self.rules = rules
        self.hash = rules.version
        self._engine = engine or Engine(
            {rule.id: rule.statement for rule in rules.rules}, rules.schema, actions=Action
        )
        self._clock = clock
        self._most_seen = most_seen
        self._seen: OrderedDict[Situation, _Seen] = OrderedDict()
        self._worlds: OrderedDict[
            tuple[str, tuple[str, ...]], tuple[tuple[ModelCard, ...], World]
        ] = OrderedDict()

    def aside(self) -> Policy:
        """The same rules with a small memory of their own.

        For what nobody is waiting to be answered on, such as a replay: a thousand situations
        that will not come again must not take the place of those that do.
        """
        return Policy(
            self.rules, clock=self._clock, most_seen=_MOST_SEEN_ASIDE, engine=self._engine
        )

    def decide(self, situation: Situation) -> Verdicts:
        """One verdict for each candidate. Never raises: what fails denies."""
        now = self._clock()
        seen = self._seen.get(situation)
        if seen is not None and now - seen.at <= _AGE_S and seen.candidates == situation.candidates:
            self._seen.move_to_end(situation)
            return seen.verdicts
        verdicts = Verdicts(by_model=self._verdicts(situation))
        self._seen[situation] = _Seen(at=now, candidates=situation.candidates, verdicts=verdicts)
        self._seen.move_to_end(situation)
        if len(self._seen) > self._most_seen:
            self._seen.popitem(last=False)
        return verdicts

    def judge(self, inquiry: Inquiry) -> Ruling:
        """Whether the principal may do it. Never raises: what fails denies."""
        try:
            answer = self._answer(inquiry)
        except Exception:  # noqa: BLE001 - whatever it is, it must deny
            _log.exception("%s could not be put to the rules, which denies", inquiry.action)
            denial = failure()
            return Ruling(permitted=False, rule_ids=(denial.rule_id,), reasons=(denial.reason,))
        if answer.permitted:
            return Ruling(permitted=True, rule_ids=answer.rule_ids)
        roles = listed(inquiry.principal.roles)
        otherwise = f"{inquiry.action} is not for {inquiry.principal.name} (roles: {roles})"
        why = tuple(denials(answer, self.rules.by_id, inquiry_words(inquiry), otherwise=otherwise))
        return Ruling(
            permitted=False,
            rule_ids=tuple(denial.rule_id for denial in why),
            reasons=tuple(denial.reason for denial in why),
        )

    def roles_that_may(self, inquiry: Inquiry) -> tuple[Role, ...]:
        """The roles, each on its own, that would be permitted the same."""
        return tuple(role for role in Role if self.judge(_with_role(inquiry, role)).permitted)

    def _verdicts(self, situation: Situation) -> dict[str, Verdict]:
        try:
            return Candidates(
                situation,
                self._world(situation),
                engine=self._engine,
                rules=self.rules.by_id,
                personal=self.rules.choice.personal_data_jurisdictions,
            ).verdicts()
        except Exception:  # noqa: BLE001 - whatever it is, it must deny
            _log.exception("a situation could not be put to the rules, which denies all of it")
            denial = failure()
            return {
                card.name: Verdict(
                    model=card.name,
                    permitted=False,
                    unattended=False,
                    rule_ids=(denial.rule_id,),
                    reasons=(denial.reason,),
                )
                for card in situation.candidates
            }

    def _world(self, situation: Situation) -> World:
        """Who asks of which workflow, beside the candidates, which the next one asks about too."""
        cards = situation.candidates
        key = (situation.catalog_version, situation.candidate_names)
        kept = self._worlds.get(key)
        if kept is None or kept[0] != cards:
            kept = (cards, self._engine.world(model_entity(card) for card in cards))
            self._worlds[key] = kept
            if len(self._worlds) > _MOST_WORLDS:
                self._worlds.popitem(last=False)
        self._worlds.move_to_end(key)
        who = (*principal_entities(situation.principal), *workflow_entities(situation))
        return kept[1].joined_by(who)

    def _answer(self, inquiry: Inquiry) -> Answer:
        question = Question(
            principal=principal_uid(inquiry.principal),
            action=inquiry.action,
            context=inquiry_context(inquiry),
        )
        world = self._engine.world(inquiry_entities(inquiry))
        (answer,) = self._engine.ask(world, question, (resource_uid(inquiry.resource),))
        return answer


def default_policy() -> Policy:
    """What holds before a company writes rules."""
    reading = read_policies({}, PolicyChoice())
    if reading.rules is None:
        raise problems_as_error(reading.problems)
    return Policy(reading.rules)


def _with_role(inquiry: Inquiry, role: Role) -> Inquiry:
    return replace(inquiry, principal=replace(inquiry.principal, roles=frozenset({role})))
