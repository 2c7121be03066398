"""The section `policy` of `befit.yaml`: which packaged rules a company starts from."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from befit.catalog import Document, Entry, Problem
from befit.errors import nearest
from befit.policy import DEFAULT_SETS, PACKAGED_SETS, PolicyChoice, PolicyReading, read_policies


class PolicyEntry(Entry):
    """The keys of the section."""

    packaged: list[str] | None = None
    personal_data_jurisdictions: list[str] = Field(default_factory=list[str])

    def settings(self) -> PolicyChoice:
        """The section as a value."""
        return PolicyChoice(
            packaged=DEFAULT_SETS if self.packaged is None else tuple(dict.fromkeys(self.packaged)),
            personal_data_jurisdictions=frozenset(self.personal_data_jurisdictions),
        )


def examine_policies(
    files: Mapping[str, bytes], choice: PolicyChoice, config: Document | None
) -> PolicyReading:
    """Read the rules that a choice puts in force; a wrong choice is told beside wrong rules."""
    problems = () if config is None else tuple(_unknown_sets(choice, config))
    known = tuple(name for name in choice.packaged if name in PACKAGED_SETS)
    reading = read_policies(
        files,
        PolicyChoice(
            packaged=known, personal_data_jurisdictions=choice.personal_data_jurisdictions
        ),
    )
    if not problems:
        return reading
    return PolicyReading(rules=None, problems=(*problems, *reading.problems))


def _unknown_sets(choice: PolicyChoice, config: Document) -> list[Problem]:
    return [
        config.problem(
            f"unknown packaged policy {name!r}",
            ("policy", "packaged", place),
            next_step=nearest(name, PACKAGED_SETS) or f"there are {', '.join(PACKAGED_SETS)}",
        )
        for place, name in enumerate(choice.packaged)
        if name not in PACKAGED_SETS
    ]
