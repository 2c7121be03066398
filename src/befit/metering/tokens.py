"""The most that a call can cost, from its bytes alone, before any tokenizer is asked.

A byte-level tokenizer never makes more tokens than its input has bytes, so bytes bound
tokens for every model. The bound is loose on purpose: it is reserved, then settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from befit.catalog import ModelCard
from befit.messages import ChatRequest, TokenUsage

TEMPLATE_TOKENS = 256
"""What a server's chat template may add unseen: default system text, tool preamble, markers.
Markers of single messages are covered by the bytes of the JSON around them."""

_TEXT_MARKER_TOKENS = 2
_UNBOUNDED_FIELDS = ("audio", "prediction", "web_search_options")
_FREE_TIERS = (b'"default"', b'"auto"', b'"flex"', b"null")


def input_tokens_at_most(input_bytes: int) -> int:
    """The most tokens that a text-only chat request of so many bytes can have."""
    return input_bytes + TEMPLATE_TOKENS


def most_cost_usd(card: ModelCard, request: ChatRequest) -> Decimal | None:
    """The most that this request can cost on this model.

    Args:
        card: the model; one in process costs nothing.
        request: as the model shall see it, instructions included.

    Returns:
        USD, or None where no bound is known: an unknown price, no limit on the answer,
        an image without a known context window, or a field that is charged apart from
        tokens (audio, web search, predicted output, a priority tier).
    """
    if card.is_in_process:
        return Decimal(0)
    if card.cost is None or _is_charged_apart(request):
        return None
    window = card.context_window
    most_input = input_tokens_at_most(request.input_bytes) if request.is_text_only else window
    most_output = _most_output(card, request.max_output_tokens)
    if most_input is None or most_output is None:
        return None
    if window is not None:
        most_input = min(most_input, window)
    each = _most_of(card, most_input, most_output)
    return None if each is None else each * request.choices


def most_texts_cost_usd(card: ModelCard, texts: Sequence[str]) -> Decimal | None:
    """The most that embedding or classifying these texts can cost; None is unknown."""
    if card.is_in_process:
        return Decimal(0)
    tokens = sum(len(text.encode()) + _TEXT_MARKER_TOKENS for text in texts)
    return _most_of(card, tokens, 0)


def _is_charged_apart(request: ChatRequest) -> bool:
    fields = request.fields
    if any(fields.get(name, _NULL) != _NULL for name in _UNBOUNDED_FIELDS):
        return True
    return bytes(fields.get("service_tier", _NULL)).strip() not in _FREE_TIERS


_NULL = msgspec.Raw(b"null")


def _most_output(card: ModelCard, asked: int | None) -> int | None:
    limits = (asked, card.max_output_tokens, card.context_window)
    return min((limit for limit in limits if limit is not None), default=None)


def _most_of(card: ModelCard, most_input: int, most_output: int) -> Decimal | None:
    # Cached input is mostly cheaper, but a price list may say otherwise.
    costs = [
        card.cost_usd(TokenUsage(input=most_input, cached_input=cached, output=most_output))
        for cached in (0, most_input)
    ]
    return max((cost for cost in costs if cost is not None), default=None)
