"""The section `detection` of `befit.yaml`: whether and how the text itself is examined.

detection:
  consequences:
    EMAIL_ADDRESS: {class: confidential, tags: [pii]}
    IP_ADDRESS: {class: public}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, Field

from befit.catalog import ClassWord, Document, Entry, Problem
from befit.errors import nearest
from befit.policy.detection import Consequence, installed_detectors, known_types
from befit.vocabulary import DataClass, Tag


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectionSettings:
    """How content is examined.

    Attributes:
        enabled: False leaves the class to what is declared.
        consequences: what findings of single types ask for, where the packaged table is not
            what the company wants.
    """

    enabled: bool = True
    consequences: Mapping[str, Consequence] = field(default_factory=dict[str, Consequence])


class ConsequenceEntry(Entry):
    """`{class, tags}`; a public class without tags has no consequence."""

    data_class: Annotated[ClassWord, Field(alias="class")] = DataClass.PUBLIC
    tags: list[Tag] = Field(default_factory=list[Tag])

    def consequence(self) -> Consequence:
        """The entry as a value."""
        return Consequence(data_class=self.data_class, tags=frozenset(self.tags))


def _known_type(name: str) -> str:
    known = known_types()
    # A type that nothing finds may be one of a detector that cannot be set up, which is told.
    if name not in known and not installed_detectors().faults:
        hint = nearest(name.upper(), known) or f"known are {', '.join(sorted(known))}"
        raise ValueError(f"no detector finds {name!r}; {hint}")
    return name


class DetectionEntry(Entry):
    """The keys of the section."""

    enabled: bool = True
    consequences: dict[Annotated[str, AfterValidator(_known_type)], ConsequenceEntry] = Field(
        default_factory=dict[str, ConsequenceEntry]
    )

    def settings(self) -> DetectionSettings:
        """The section as a value."""
        table = {name: entry.consequence() for name, entry in self.consequences.items()}
        return DetectionSettings(enabled=self.enabled, consequences=MappingProxyType(table))


def detection_problems(settings: DetectionSettings, config: Document) -> Iterator[Problem]:
    """Detectors that are installed and cannot be set up: without them, too little is found."""
    if settings.enabled:
        for fault in installed_detectors().faults:
            yield config.problem(fault.message, ("detection",), next_step=fault.next_step)
