"""Public fakes and scripted servers for tests of Befit and of what extends it."""

from befit.testing.counting import CountingUpstream, Visit
from befit.testing.upstream import Guise, ReceivedRequest, ScriptedUpstream
from befit.testing.upstream_answers import Reply, vector_of

__all__ = [
    "CountingUpstream",
    "Guise",
    "ReceivedRequest",
    "Reply",
    "ScriptedUpstream",
    "Visit",
    "vector_of",
]
