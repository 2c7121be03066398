"""`PathPattern`: which paths a rule of `acl.yaml` speaks of.

    hr/**            everything below hr
    hr/*.pdf         PDFs right in hr
    **/salaries/*    what lies right in any folder called salaries
    **               everything

`*` stands for any characters within one part of a path, `**` as a whole part for any number
of parts, none included, but at the end for at least one. All else is taken as it is written,
capitals included; what looks like a pattern elsewhere (`?`, `[`, `{`) is refused, for a rule that
matches nothing lets in whom it was to keep out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

MOST_CHARS = 1_000

_ANY = "*"
_ANY_PARTS = "**"

_ELSEWHERE = frozenset("?[{")
"""Stands for others in shells; taken as it is written it would speak of nothing."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A pattern, read once and matched often.

    Attributes:
        text: as it is written.
    """

    text: str
    _parts: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _opening: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fault = pattern_fault(self.text)
        if fault is not None:
            raise ValueError(fault)
        parts = _parts_of(self.text)
        if parts[-1] == _ANY_PARTS:
            parts = (*parts, _ANY)
        object.__setattr__(self, "_parts", parts)
        object.__setattr__(self, "_opening", "/".join(parts).partition(_ANY)[0])

    def matches(self, path: str) -> bool:
        """Whether the pattern speaks of this path, which is `normalised`; costs at most their
        lengths multiplied.
        """
        # The opening of most patterns tells them apart without a look at the parts.
        if not path.startswith(self._opening.rstrip("/")):
            return False
        parts = path.split("/") if path else []
        return _matches(self._parts, parts, any_of=_ANY_PARTS, alike=_part_matches)

    def wider(self) -> Iterator[str]:
        """Patterns, `normalised`, that are sure to speak of all that this one speaks of.

        They are itself and everything below each folder that it begins with; others may be, too.
        """
        parts = _parts_of(self.text)
        for above in range(len(parts)):
            yield "/".join((*parts[:above], _ANY_PARTS))
        yield "/".join(parts)


def pattern_fault(text: str) -> str | None:
    """Why a text is no pattern, or None."""
    if len(text) > MOST_CHARS:
        return f"a pattern has at most {MOST_CHARS} characters"
    parts = unicodedata.normalize("NFC", text).split("/")
    if not any(parts):
        return "a pattern of paths, such as hr/**"
    if not all(parts):
        return "a pattern has no slash at its ends and none doubled: hr/**, not /hr//**"
    if any(part in (".", "..") for part in parts):
        return "no path has a part `.` or `..`, so the pattern would speak of nothing"
    if any(part != part.strip() for part in parts):
        return "a part of a pattern begins and ends without a space; write * where a name has one"
    if strange := sorted(_ELSEWHERE.intersection(text)):
        return f"`{strange[0]}` is no part of a pattern; write * where any characters may stand"
    if any(_ANY_PARTS in part and part != _ANY_PARTS for part in parts):
        return "`**` stands for whole parts, so it stands alone between slashes, as in hr/**"
    return None


def normalised(path: str) -> str:
    """A path as patterns see it: one form of each letter, no empty parts.

    The same name may be written with a letter and its accent together or apart. A rule that
    closes a folder must not miss it for that.
    """
    return "/".join(_parts_of(path))


def _parts_of(text: str) -> tuple[str, ...]:
    return tuple(part for part in unicodedata.normalize("NFC", text).split("/") if part)


def _part_matches(pattern: str, part: str) -> bool:
    if _ANY not in pattern:
        return pattern == part
    return _matches(pattern, part, any_of=_ANY, alike=str.__eq__)


def _matches(
    pattern: Sequence[str], given: Sequence[str], *, any_of: str, alike: Callable[[str, str], bool]
) -> bool:
    """Whether `given` fits a pattern in which `any_of` stands for any number of elements.

    Only the last such place is ever tried again: what an earlier one could take in addition,
    the last one can take as well. So there is nothing to blow up.
    """
    at = place = 0
    star, resume = -1, 0
    while place < len(given):
        if at < len(pattern) and pattern[at] == any_of:
            star, resume = at, place
            at += 1
        elif at < len(pattern) and alike(pattern[at], given[place]):
            at += 1
            place += 1
        elif star >= 0:
            resume += 1
            at, place = star + 1, resume
        else:
            return False
    return all(rest == any_of for rest in pattern[at:])
