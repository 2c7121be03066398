"""`parse_text`: text that is text already. Nothing of it is changed but what cannot be stored."""

from __future__ import annotations

from befit.knowledge.parsing.builder import clean, too_much_text
from befit.knowledge.parsing.formats.markdown import read_markdown
from befit.knowledge.parsing.formats.plain import read_plain
from befit.knowledge.parsing.kinds import FileKind, text_kind_of
from befit.knowledge.parsing.limits import ParseLimits
from befit.knowledge.parsing.parsed import Parsed


def parse_text(text: str, name: str = "", limits: ParseLimits | None = None) -> Parsed:
    """Find blocks on a text, which stays as given, newlines included.

    Only a NUL or a lone surrogate becomes U+FFFD, one for one, so that offsets hold.

    Args:
        name: where it ends in `.md`, Markdown's blocks are found.

    Raises:
        Unreadable: it is too long.
    """
    limits = limits or ParseLimits()
    if len(text) > limits.text_chars:
        raise too_much_text(limits)
    reader = read_markdown if text_kind_of(name) is FileKind.MARKDOWN else read_plain
    return reader(clean(text), limits)
