"""Who may read a document: lists of people and groups, the rules that name them, and why."""

from befit.knowledge.access.acl import NOBODY_KNOWN, Acl, names_of
from befit.knowledge.access.pattern import PathPattern
from befit.knowledge.access.rules import AccessReading, AccessRules, Rule, read_access_rules
from befit.knowledge.access.why import Decider, Explanation, Portion, Readers, explain

__all__ = [
    "NOBODY_KNOWN",
    "AccessReading",
    "AccessRules",
    "Acl",
    "Decider",
    "Explanation",
    "PathPattern",
    "Portion",
    "Readers",
    "Rule",
    "explain",
    "names_of",
    "read_access_rules",
]
