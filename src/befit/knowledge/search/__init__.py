"""Searching the library: what is asked, what is found, and who finds it.

Apart from `befit.knowledge`, whose values of what is kept are read without an index at hand.
"""

from befit.knowledge.ask import Ask, Filters
from befit.knowledge.found import Box, Citation, Found, FoundPassage
from befit.knowledge.judged import MayRead
from befit.knowledge.library import Library
from befit.knowledge.rebuilding import Embed

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
