"""Searching the library: what is asked, what is found, and who finds it.

Apart from `befit.knowledge`, whose values of what is kept are read without an index at hand.
"""

from befit.knowledge.judged import MayRead
from befit.knowledge.search.ask import Ask, Filters
from befit.knowledge.search.found import Box, Citation, Found, FoundPassage
from befit.knowledge.search.library import Library
from befit.knowledge.search.rebuilding import Embed

__all__ = [
    "Ask",
    "Box",
    "Citation",
    "Embed",
    "Filters",
    "Found",
    "FoundPassage",
    "Library",
    "MayRead",
]
