"""`Problem`: one thing that is wrong with a file of the workspace, and where.

unknown key 'quality' in workflows/triage.yaml at requirements.quality (line 7);
did you mean 'quality_bar'?
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from befit.errors import WorkspaceError

KeyPath = tuple[str | int, ...]
"""Where a value stands in a document: keys of mappings and places in lists."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What is wrong, where, and what to do about it. Never holds a file's values of keys.

    Attributes:
        what: the fault itself, such as `unknown key 'quality'`.
        file: relative to the workspace, such as `workflows/triage.yaml`.
        path: the place in the document; empty where the whole file is meant.
        line: counted from 1; None where no line can be named.
    """

    what: str
    file: str
    path: KeyPath = ()
    line: int | None = None
    next_step: str | None = None

    def __str__(self) -> str:
        place = f" at {dotted(self.path)}" if self.path else ""
        line = f" (line {self.line})" if self.line is not None else ""
        hint = f"; {self.next_step}" if self.next_step else ""
        return f"{self.what} in {self.file}{place}{line}{hint}"


def dotted(path: Iterable[str | int]) -> str:
    """The path as people write it: `models.big.able[0]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def problems_as_error(problems: tuple[Problem, ...]) -> WorkspaceError:
    """One error of one line for many problems: the first, and how many more there are."""
    first, others = problems[0], len(problems) - 1
    if not others:
        return WorkspaceError(str(first))
    return WorkspaceError(
        str(first), next_step=f"and {others} more problem(s): `befit check` lists them all"
    )
