"""Words that ask, point and join: every text has them, so that sharing them tells nothing."""

from __future__ import annotations

from functools import cache

from befit.knowledge.index import WeightedText, words_of

_WORDS = """
about above after again all also am any because been before being below between both can
cannot could did do does doing done down during each else ever few from further get gets got
had has have having he her here hers him his how however i im its just know let like many may
me might mine more most much must my need no nor now of off on once one only or other our ours
out over own per please same shall she should so some such tell than that theirs them then
there these they this those through too under until up upon us use used very want was we were
what whats when where which while who whom whose why will with would yes yet you your yours
"""


@cache
def function_words() -> frozenset[str]:
    """Them, as the index knows them."""
    return frozenset(words_of([WeightedText(text=_WORDS)]))


def content_words(text: str) -> frozenset[str]:
    """The words of a text that say what it is about, as the index knows them."""
    return frozenset(words_of([WeightedText(text=text)])) - function_words()
