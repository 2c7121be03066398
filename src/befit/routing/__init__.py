"""Which model answers: hard constraints, evidence, the order of the route, answer checks."""

from befit.routing.candidate import Candidate, Gate
from befit.routing.checks import CheckResult, NamedCheck, check_answer
from befit.routing.constraints import Limits, Needs, exclude
from befit.routing.evidence import WRITE, EvidenceBook, Measured
from befit.routing.matching import WorkflowMatcher, matched_by_meaning, texts_to_match
from befit.routing.profile import profile_of
from befit.routing.route import Route, choose_route

__all__ = [
    "WRITE",
    "Candidate",
    "CheckResult",
    "EvidenceBook",
    "Gate",
    "Limits",
    "Measured",
    "NamedCheck",
    "Needs",
    "Route",
    "WorkflowMatcher",
    "check_answer",
    "choose_route",
    "exclude",
    "matched_by_meaning",
    "profile_of",
    "texts_to_match",
]
