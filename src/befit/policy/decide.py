"""`Policy.decide`: one call answers for all candidates, before anything is optimised.

The rules here are those that hold before a company writes its own (DESIGN: Policy).
Whatever a rule raises is a deny: unknown never means open.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from befit.catalog import ModelCard, Stage
from befit.policy.situation import Situation, Verdict, Verdicts
from befit.vocabulary import DataClass, Impact, Purpose, Zone

_OWN = frozenset({Zone.DEVICE, Zone.ONPREM, Zone.PRIVATE_CLOUD})
_ZONES = {
    DataClass.PUBLIC: frozenset(Zone),
    DataClass.INTERNAL: _OWN,
    DataClass.CONFIDENTIAL: _OWN,
    DataClass.RESTRICTED: frozenset({Zone.DEVICE, Zone.ONPREM}),
}
_INSPECTION = frozenset({Purpose.MATCH})
_CACHE_SIZE = 4096
_CACHE_AGE_S = 60.0

_log = logging.getLogger("befit.policy")

Rule = Callable[[Situation, ModelCard], str | None]
"""Returns the reason to forbid, or None."""


def _zone_allows_class(situation: Situation, card: ModelCard) -> str | None:
    if card.zone in _ZONES[situation.data_class]:
        return None
    origin = situation.class_origin.value
    return f"{situation.data_class.word} data ({origin}) may not go to zone {card.zone}"


def _inspection_stays_on_device(situation: Situation, card: ModelCard) -> str | None:
    if situation.purpose in _INSPECTION and card.zone is not Zone.DEVICE:
        return f"before its class is known, content may not leave the device for {card.zone}"
    return None


def _workflow_allows_zone(situation: Situation, card: ModelCard) -> str | None:
    if not situation.zones or card.zone in situation.zones:
        return None
    return f"workflow {situation.workflow} allows zones {_words(situation.zones)}, not {card.zone}"


def _workflow_allows_jurisdiction(situation: Situation, card: ModelCard) -> str | None:
    allowed = situation.jurisdictions
    if not allowed or card.jurisdiction in allowed:
        return None
    has = card.jurisdiction or "an unknown jurisdiction"
    return f"workflow {situation.workflow} allows jurisdictions {_words(allowed)}, not {has}"


def _workflow_takes_class(situation: Situation, _card: ModelCard) -> str | None:
    if situation.data_class <= situation.highest_class:
        return None
    return (
        f"workflow {situation.workflow} takes data up to {situation.highest_class.word}; "
        f"this is {situation.data_class.word} ({situation.class_origin.value})"
    )


def _model_is_approved(situation: Situation, card: ModelCard) -> str | None:
    if card.stage is Stage.APPROVED:
        return None
    if card.stage is Stage.PROPOSED and situation.purpose in {Purpose.EVALUATION, Purpose.PROBE}:
        return None
    return f"model {card.name} is {card.stage}, not approved"


def _key_covers_workflow(situation: Situation, _card: ModelCard) -> str | None:
    if situation.purpose is Purpose.MATCH:
        return None  # which workflow it is, is being found; the rule decides where it answers
    scope = situation.principal.workflows
    if not scope or situation.workflow in scope:
        return None
    return f"this key is limited to workflows {_words(scope)}"


DEFAULT_RULES: tuple[tuple[str, Rule], ...] = (
    ("default/zone-by-class", _zone_allows_class),
    ("default/inspection-on-device", _inspection_stays_on_device),
    ("workflow/zones", _workflow_allows_zone),
    ("workflow/jurisdictions", _workflow_allows_jurisdiction),
    ("workflow/highest-class", _workflow_takes_class),
    ("default/approved-models", _model_is_approved),
    ("key/workflows", _key_covers_workflow),
)


class Policy:
    """Decides situations under one set of rules.

    Verdicts are reused for the very same situation for at most 60 s.
    """

    def __init__(
        self,
        rules: tuple[tuple[str, Rule], ...] = DEFAULT_RULES,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._seen: OrderedDict[Situation, tuple[float, Verdicts]] = OrderedDict()
        identity = "\n".join(rule_id for rule_id, _ in rules)
        self.hash = "sha256:" + hashlib.sha256(identity.encode()).hexdigest()

    def decide(self, situation: Situation) -> Verdicts:
        """One verdict for each candidate. Never raises: an error in a rule denies."""
        now = self._clock()
        seen = self._seen.get(situation)
        if seen is not None and now - seen[0] <= _CACHE_AGE_S:
            return seen[1]
        verdicts = Verdicts(
            by_model={card.name: self._verdict(situation, card) for card in situation.candidates},
            policy_hash=self.hash,
        )
        self._seen[situation] = (now, verdicts)
        if len(self._seen) > _CACHE_SIZE:
            self._seen.popitem(last=False)
        return verdicts

    def _verdict(self, situation: Situation, card: ModelCard) -> Verdict:
        denials: list[tuple[str, str]] = []
        for rule_id, rule in self._rules:
            try:
                reason = rule(situation, card)
            except Exception:  # noqa: BLE001 - a rule that fails must deny, whatever it raised
                _log.exception("rule %s failed on model %s, which denies it", rule_id, card.name)
                reason = f"rule {rule_id} failed; the server's log says why"
            if reason is not None:
                denials.append((rule_id, reason))
        return Verdict(
            model=card.name,
            permitted=not denials,
            unattended=situation.impact is Impact.LOW,
            rule_ids=tuple(rule_id for rule_id, _ in denials) or ("default/permit",),
            reasons=tuple(reason for _, reason in denials),
        )


def _words(values: frozenset[str]) -> str:
    return ", ".join(sorted(values))
