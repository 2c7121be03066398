"""All candidates of one situation put to the rules: who may be asked, and in which form.

The obligations are actions. Each round asks about those that the rounds before left:
`invoke` and `send_raw` of all, `send_redacted` where the content may not go as it is and
something in it can be replaced, `invoke_unattended` of what is permitted by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from befit.catalog import ModelCard
from befit.policy.denial import Denial, denials
from befit.policy.engine import Answer, Engine, Question, World
from befit.policy.entities import model_facts, model_uid, principal_uid, request_context
from befit.policy.likeness import alike
from befit.policy.reason import content_words, listed, model_words, request_words
from befit.policy.rules import Rule
from befit.policy.situation import Action, Form, Situation, Verdict
from befit.vocabulary import DataClass, Tag

_NOT_ASKED = Answer(permitted=False, rule_ids=())


@dataclass(frozen=True, kw_only=True, slots=True)
class _Content:
    """What is sent, in one form."""

    data_class: DataClass
    tags: frozenset[Tag]


class Candidates:
    """The candidates of one situation, in a world that holds all of them.

    Args:
        personal: the jurisdictions that personal data may be in; empty names none.
    """

    def __init__(
        self,
        situation: Situation,
        world: World,
        *,
        engine: Engine,
        rules: Mapping[str, Rule],
        personal: frozenset[str],
    ) -> None:
        self._situation = situation
        self._world = world
        self._engine = engine
        self._rules = rules
        self._personal = personal
        self._raw = _Content(data_class=situation.data_class, tags=situation.tags)
        remaining = situation.redacted_class
        self._redacted = _Content(
            data_class=situation.data_class if remaining is None else remaining,
            tags=situation.redacted_tags,
        )
        self._model_facts = {card.name: model_facts(card) for card in situation.candidates}
        self._answers: dict[tuple[Action, str], Answer] = {}
        self._facts: dict[str, str] = {}

    def verdicts(self) -> dict[str, Verdict]:
        """One verdict for each candidate, by its name."""
        cards = self._situation.candidates
        self._ask(Action.INVOKE, cards, self._raw)
        self._ask(Action.SEND_RAW, cards, self._raw)
        invoked = [card for card in cards if self._may(Action.INVOKE, card)]
        if self._situation.can_redact:
            held = [card for card in invoked if not self._may(Action.SEND_RAW, card)]
            self._ask(Action.SEND_REDACTED, held, self._redacted)
        permitted = [card for card in invoked if self._form(card) is not None]
        self._ask(Action.INVOKE_UNATTENDED, permitted, self._raw)
        return {card.name: self._verdict(card) for card in cards}

    def _ask(self, action: Action, cards: Sequence[ModelCard], content: _Content) -> None:
        if not cards:
            return
        question = Question(
            principal=principal_uid(self._situation.principal),
            action=action,
            context=request_context(
                self._situation, content.data_class, content.tags, self._personal
            ),
        )
        names = [card.name for card in cards]
        facts = [self._model_facts[name] for name in names]
        groups = alike(cards, names, facts, self._engine.looks_at(action))
        models = [model_uid(group[0].name) for group in groups]
        answers = self._engine.ask(self._world, question, models)
        for group, answer in zip(groups, answers, strict=True):
            for card in group:
                self._answers[action, card.name] = answer

    def _said(self, action: Action, card: ModelCard) -> Answer:
        return self._answers.get((action, card.name), _NOT_ASKED)

    def _may(self, action: Action, card: ModelCard) -> bool:
        return self._said(action, card).permitted

    def _form(self, card: ModelCard) -> Form | None:
        """In which form the content may go, or None where in none."""
        if self._may(Action.SEND_RAW, card):
            return Form.RAW
        return Form.REDACTED if self._may(Action.SEND_REDACTED, card) else None

    def _verdict(self, card: ModelCard) -> Verdict:
        form = self._form(card)
        if form is None or not self._may(Action.INVOKE, card):
            return self._denied(card)
        sending = Action.SEND_RAW if form is Form.RAW else Action.SEND_REDACTED
        alone = self._said(Action.INVOKE_UNATTENDED, card)
        why: tuple[Denial, ...] = ()
        if not alone.permitted:
            otherwise = f"answers of {card.name} may not go out unattended"
            why = self._why(alone, card, self._raw, otherwise)
        permits = (*self._said(Action.INVOKE, card).rule_ids, *self._said(sending, card).rule_ids)
        last = tuple(denial.rule_id for denial in why) or alone.rule_ids
        return Verdict(
            model=card.name,
            permitted=True,
            unattended=alone.permitted,
            rule_ids=_unique((*permits, *last)),
            person_reasons=_unique(denial.reason for denial in why),
            form=form,
        )

    def _denied(self, card: ModelCard) -> Verdict:
        why: list[Denial] = []
        invoke = self._said(Action.INVOKE, card)
        if not invoke.permitted:
            why += self._why(invoke, card, self._raw, self._not_for_this())
        raw = self._said(Action.SEND_RAW, card)
        if not raw.permitted:
            why += self._why(raw, card, self._raw, self._not_this_far(card))
        redacted = self._answers.get((Action.SEND_REDACTED, card.name))
        if redacted is not None:
            left = f"redacted it is {self._redacted.data_class.word} data, which may not go there"
            why += self._why(redacted, card, self._redacted, f"{left} redacted either")
        return Verdict(
            model=card.name,
            permitted=False,
            unattended=False,
            rule_ids=_unique(denial.rule_id for denial in why),
            reasons=_unique(denial.reason for denial in why),
        )

    def _not_for_this(self) -> str:
        principal, purpose = self._situation.principal, self._situation.purpose
        return (
            f"{principal.name} (roles: {listed(principal.roles)}) may not use models for {purpose}"
        )

    def _not_this_far(self, card: ModelCard) -> str:
        word, origin = self._raw.data_class.word, self._situation.class_origin.value
        return f"{word} data ({origin}) may not go to zone {card.zone}"

    def _why(
        self, answer: Answer, card: ModelCard, content: _Content, otherwise: str
    ) -> tuple[Denial, ...]:
        if not self._facts:
            self._facts = request_words(self._situation, self._personal)
        said = content_words(content.data_class, content.tags)
        facts = self._facts | said | model_words(card)
        return tuple(denials(answer, self._rules, facts, otherwise=otherwise))


def _unique(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))
