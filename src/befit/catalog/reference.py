"""Reference cards: what is known about models that people use, found and dated.

    reference_for("Qwen/Qwen2.5-7B-Instruct").context_window   # 32768

Used by `befit models add` to propose values; a card of the workspace never reads them
behind the user's back. A context window is what the model can have: its server may be
configured for less.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from befit.catalog.card import Capability, Price
from befit.catalog.document import read_document
from befit.catalog.entry import Entry, Word
from befit.catalog.model_entry import PriceEntry
from befit.catalog.problem import problems_as_error
from befit.catalog.validation import validated
from befit.vocabulary import SizeClass, Zone

_FILE = "reference_cards.yaml"
_SUFFIX = re.compile(
    r"""[-_.:@](?:
        instruct|it|chat|hf|latest|gguf|awq|gptq|mlx|preview
        |\d{4}-\d{2}-\d{2}|\d{8}|2\d(?:0[1-9]|1[0-2])  # the date of a version
        |i?q\d[a-z0-9_]*|fp8|fp16|bf16|f16|int[48]|[48]bit  # a quantisation
    )\Z""",
    re.VERBOSE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferenceCard:
    """What was found about one model. None and empty mean that nothing was.

    Attributes:
        zones: where it can run at all; open weights anywhere.
        languages: those its documentation names.
        source: where size, context window and capabilities were found, on `as_of`.
        price: carries a source and a date of its own.
    """

    name: str
    family: str
    size: SizeClass
    parameters_billion: Decimal | None
    context_window: int | None
    max_output_tokens: int | None
    licence: str
    capabilities: frozenset[Capability]
    zones: frozenset[Zone]
    languages: frozenset[str]
    source: str
    as_of: date
    price: Price | None


class _ReferenceEntry(Entry):
    names: Annotated[tuple[str, ...], Field(min_length=1)]
    family: str
    size: SizeClass
    parameters_billion: Decimal | None = None
    context_window: Annotated[int, Field(gt=0)] | None = None
    max_output_tokens: Annotated[int, Field(gt=0)] | None = None
    licence: str
    capabilities: tuple[Capability, ...]
    zones: tuple[Zone, ...]
    languages: tuple[Word, ...] = ()
    source: Annotated[str, Field(min_length=1)]
    as_of: date
    price: PriceEntry | None = None

    def card(self, name: str) -> ReferenceCard:
        return ReferenceCard(
            name=name,
            family=self.family,
            size=self.size,
            parameters_billion=self.parameters_billion,
            context_window=self.context_window,
            max_output_tokens=self.max_output_tokens,
            licence=self.licence,
            capabilities=frozenset(self.capabilities),
            zones=frozenset(self.zones),
            languages=frozenset(self.languages),
            source=self.source,
            as_of=self.as_of,
            price=Price(**dict(self.price)) if self.price else None,
        )


def reference_for(upstream_model: str) -> ReferenceCard | None:
    """What is known about a model, by the name that its server or API gives it.

    Maker, date, tag and quantisation do not count: `qwen2.5:7b-instruct-q4_K_M` and
    `Qwen/Qwen2.5-7B-Instruct` are one model. Other variants are other models.
    """
    known = _by_name()
    name = upstream_model.strip().lower().rpartition("/")[2].removesuffix(".gguf")
    while True:
        card = known.get(name.replace(":", "-").replace("_", "-"))
        shorter = _SUFFIX.sub("", name)
        if card is not None or shorter == name:
            return card
        name = shorter


def reference_cards() -> Mapping[str, ReferenceCard]:
    """All reference cards by name."""
    return MappingProxyType({card.name: card for card in _by_name().values()})


@cache  # the packaged file never changes while the program runs
def _by_name() -> Mapping[str, ReferenceCard]:
    raw = (resources.files("befit.catalog") / _FILE).read_bytes()
    document = read_document(raw, file=_FILE)
    cards: dict[str, ReferenceCard] = {}
    for name, value in (document.value or {}).items():
        entry, problems = validated(_ReferenceEntry, value, document, at=(name,))
        if entry is None:
            raise problems_as_error(problems)
        cards.update(dict.fromkeys(entry.names, entry.card(name)))
    return MappingProxyType(cards)
