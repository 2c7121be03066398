"""Redaction: consistent placeholders in place of what was found.

done = redact(texts, examination.sensitive)
done.texts                      # "pay with [CREDIT_CARD_1]"
done.restorer.restore(answer)   # the values again
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from befit.policy.detection.finding import Span
from befit.policy.detection.restoring import Restorer, placeholder_key, placeholder_like


@dataclass(frozen=True, kw_only=True, slots=True)
class Redacted:
    """Texts with placeholders, and what turns them back."""

    texts: tuple[str, ...]
    restorer: Restorer


def redact(texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> Redacted:
    """Replace every span; the same value has the same placeholder in all texts.

    A value is what is written, so two ways of writing one number are two values, and
    restoring gives each back as it was. Where spans overlap, the first and longest gives
    its type and all that they cover together is replaced.
    """
    placeholders = _Placeholders(texts)
    redacted: list[str] = []
    for text, found in zip(texts, spans, strict=True):
        parts: list[str] = []
        position = 0
        for span in _apart(found):
            value = text[span.start : span.end]
            parts += [text[position : span.start], placeholders.of(span.type, value)]
            position = span.end
        redacted.append("".join([*parts, text[position:]]))
    return Redacted(texts=tuple(redacted), restorer=Restorer(placeholders.values))


class _Placeholders:
    """Hands out placeholders that none of the texts holds already, in any way of writing."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._taken = {key for text in texts for key in placeholder_like(text)}
        self._given: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    @property
    def values(self) -> dict[str, str]:
        """The value of each placeholder."""
        return {placeholder: value for (_, value), placeholder in self._given.items()}

    def of(self, kind: str, value: str) -> str:
        """The placeholder of a value: the one it has, or the next free one."""
        known = self._given.get((kind, value))
        while known is None:
            self._counts[kind] = number = self._counts.get(kind, 0) + 1
            placeholder = f"[{kind}_{number}]"
            key = placeholder_key(placeholder)
            if key not in self._taken:
                self._taken.add(key)
                self._given[kind, value] = known = placeholder
        return known


def _apart(spans: Sequence[Span]) -> Iterator[Span]:
    """The spans in order, those that overlap joined into one."""
    current: Span | None = None
    for span in sorted(spans, key=lambda each: (each.start, -each.end)):
        if span.start >= span.end:
            continue
        if current is None or span.start >= current.end:
            if current is not None:
                yield current
            current = span
        elif span.end > current.end:
            current = Span(
                start=current.start, end=span.end, type=current.type, score=current.score
            )
    if current is not None:
        yield current
