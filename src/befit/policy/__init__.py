"""What is allowed: rules over class, zone, jurisdiction and stage, for all candidates at once."""

from befit.policy.classification import ClassOrigin, DataClassification, classify
from befit.policy.decide import DEFAULT_RULES, Policy
from befit.policy.situation import Action, Situation, Verdict, Verdicts

__all__ = [
    "DEFAULT_RULES",
    "Action",
    "ClassOrigin",
    "DataClassification",
    "Policy",
    "Situation",
    "Verdict",
    "Verdicts",
    "classify",
]
