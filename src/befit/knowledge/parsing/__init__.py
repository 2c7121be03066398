"""What files say: their text, with what of their shape matters, read where it can do no harm."""

from befit.knowledge.parsing.kinds import FileKind
from befit.knowledge.parsing.limits import ParseLimits
from befit.knowledge.parsing.parsed import Block, BlockKind, Line, Page, Parsed
from befit.knowledge.parsing.parser import Parser
from befit.knowledge.parsing.text import parse_text
from befit.knowledge.parsing.unreadable import Unreadable

__all__ = [
    "Block",
    "BlockKind",
    "FileKind",
    "Line",
    "Page",
    "ParseLimits",
    "Parsed",
    "Parser",
    "Unreadable",
    "parse_text",
]
