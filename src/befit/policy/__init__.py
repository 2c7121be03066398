"""What is allowed: rules in Cedar over who, what, where and why, for all candidates at once."""

from befit.policy.classed_text import ClassedText
from befit.policy.classification import ClassOrigin, DataClassification, classify
from befit.policy.decide import Policy, default_policy
from befit.policy.expectation import Outcome, read_expectations
from befit.policy.packaged import DEFAULT_SETS, PACKAGED_SETS
from befit.policy.recorded import asker_fields, situation_fields, situation_from
from befit.policy.rules import Rule
from befit.policy.ruleset import (
    PolicyChoice,
    PolicyReading,
    RuleSet,
    kept_rules,
    read_policies,
)
from befit.policy.simulation import Change, changes
from befit.policy.situation import (
    Action,
    Form,
    Inquiry,
    Resource,
    ResourceKind,
    Ruling,
    Situation,
    SpendBand,
    Verdict,
    Verdicts,
    workflow_facts,
)
from befit.policy.trial import Difference, differences
from befit.policy.version_store import PolicyVersion, PolicyVersionStore

__all__ = [
    "DEFAULT_SETS",
    "PACKAGED_SETS",
    "Action",
    "Change",
    "ClassOrigin",
    "ClassedText",
    "DataClassification",
    "Difference",
    "Form",
    "Inquiry",
    "Outcome",
    "Policy",
    "PolicyChoice",
    "PolicyReading",
    "PolicyVersion",
    "PolicyVersionStore",
    "Resource",
    "ResourceKind",
    "Rule",
    "RuleSet",
    "Ruling",
    "Situation",
    "SpendBand",
    "Verdict",
    "Verdicts",
    "asker_fields",
    "changes",
    "classify",
    "default_policy",
    "differences",
    "kept_rules",
    "read_expectations",
    "read_policies",
    "situation_fields",
    "situation_from",
    "workflow_facts",
]
