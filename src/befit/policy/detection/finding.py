"""What a detector finds in a text: spans of a type, with a score. The interface of them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from befit.vocabulary import DataClass, Tag


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """One finding: `text[start:end]` in characters of the text as given.

    Attributes:
        type: a type of the contract, such as `CREDIT_CARD`; national ids are `CC_NAME`.
        score: 0 to 1; a checksum that holds is 1.
    """

    start: int
    end: int
    type: str
    score: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Consequence:
    """What a finding of one type asks for: at least this class, and these tags."""

    data_class: DataClass = DataClass.PUBLIC
    tags: frozenset[Tag] = frozenset()

    @property
    def is_none(self) -> bool:
        """Whether a finding changes nothing; then it is shown, but never redacted."""
        return self.data_class is DataClass.PUBLIC and not self.tags


def joined_consequence(consequences: Iterable[Consequence]) -> Consequence:
    """What several findings ask for together: the highest class, and all tags."""
    data_class, tags = DataClass.PUBLIC, frozenset[Tag]()
    for each in consequences:
        data_class, tags = max(data_class, each.data_class), tags | each.tags
    return Consequence(data_class=data_class, tags=tags)


class Detector(Protocol):
    """Finds sensitive content. Blocking; from any thread."""

    @property
    def version(self) -> str:
        """Name and version, as decisions record it."""
        ...

    @property
    def types(self) -> Mapping[str, Consequence]:
        """The types it finds, with what each asks for unless `befit.yaml` says otherwise."""
        ...

    def detect(self, text: str) -> tuple[Span, ...]:
        """Every span of the text, in order, none inside another of the same type.

        Raises:
            Exception: whatever it is, the text counts as unexamined: the strictest class.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Examination:
    """What the examined texts hold together.

    Attributes:
        spans: for each text given, what was found in it.
        data_class: the least class that the findings ask for; None where nothing was found.
        tags: what kinds of content were found.
        failed: why the content could not be examined; then nothing else counts.
        detectors: their versions, as decisions record them.
        consequences: what each type that was found asks for.
        is_whole: False where a part of the content cannot be examined.
        is_replaceable: False where a finding spans several texts, so that replacing texts
            leaves it standing.
        joined_types: the types that were found only in texts put together.
    """

    spans: tuple[tuple[Span, ...], ...]
    data_class: DataClass | None = None
    tags: frozenset[Tag] = frozenset()
    failed: str | None = None
    detectors: tuple[str, ...] = ()
    consequences: Mapping[str, Consequence] = field(default_factory=dict[str, Consequence])
    is_whole: bool = True
    is_replaceable: bool = True
    joined_types: tuple[str, ...] = ()

    @property
    def types(self) -> tuple[str, ...]:
        """The types found, each once, in order of the alphabet."""
        single = {span.type for spans in self.spans for span in spans}
        return tuple(sorted(single.union(self.joined_types)))

    @property
    def sensitive(self) -> tuple[tuple[Span, ...], ...]:
        """The spans that have a consequence, or of which none is known: what is redacted."""
        harmless = {name for name, each in self.consequences.items() if each.is_none}
        return tuple(
            tuple(span for span in found if span.type not in harmless) for found in self.spans
        )

    def consequence_of(self, text: int) -> Consequence:
        """What the findings of one of the texts ask for together."""
        found = {span.type for span in self.spans[text]}
        return joined_consequence([self.consequences[each] for each in found])


class Examine(Protocol):
    """Examines texts: `Examiner.examine` in the product."""

    def __call__(self, texts: Sequence[str]) -> Examination:
        """Examine all texts. Never raises: a failure is told in `failed`. Blocking."""
        ...
