"""The rules that come with Befit, by set, and the schema that all rules are checked against.

`system` is always in force. A company chooses among the others under `policy.packaged` in
`befit.yaml`; without a choice the sets of `DEFAULT_SETS` are in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from types import MappingProxyType

__all__ = ["DEFAULT_SETS", "PACKAGED_SETS", "packaged_sources", "schema_text"]

_SYSTEM = "system"
DEFAULT_SETS = ("baseline", "sovereignty", "purpose", "impact", "lifecycle")
"""In force where `befit.yaml` chooses none."""

PACKAGED_SETS: Mapping[str, str] = MappingProxyType(
    {
        "baseline": "how far each class travels, and what each role may do",
        "sovereignty": "restricted data stays inside; personal data in named jurisdictions",
        "purpose": "personal data trains models only where the workflow says so",
        "impact": "an answer of high impact needs a person",
        "lifecycle": "a model that is not approved yet sees no restricted data outside",
        "spend": "as a budget runs out, what costs money gives way",
        "redaction": "what may not go out as it is may go out redacted",
    }
)
"""Every set that can be chosen, with what it says in one line."""


def _packaged_text(name: str) -> bytes:
    """The rules of one set."""
    return files(__name__).joinpath(f"{name}.cedar").read_bytes()


def schema_text() -> str:
    """The schema, in Cedar's own syntax."""
    return files(__name__).joinpath("befit.cedarschema").read_text(encoding="utf-8")


def packaged_sources(chosen: Iterable[str]) -> dict[str, bytes]:
    """The files of the system's set and the chosen ones, by the name that problems tell.

    In one order, however they were chosen.
    """
    names = (_SYSTEM, *sorted(set(chosen), key=list(PACKAGED_SETS).index))
    return {f"packaged {name}": _packaged_text(name) for name in names}
