"""A distribution over labels by constrained choice: each label a letter, one token.

An equal bias on the letters' tokens lifts them above all others without changing their
odds among themselves, so one generated token gives the probabilities of all labels.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from befit.errors import ModelFailure, ModelRefused

LETTERS = string.ascii_uppercase + string.ascii_lowercase
MAX_LABELS = len(LETTERS)

_BIAS = 100.0
_LEAST_MASS = 0.99
_REFUSED = 400

_read_messages = msgspec.json.Decoder(list[dict[str, Any]]).decode


def check_labels(labels: Sequence[str], model: str) -> None:
    """Raise where `model` cannot choose among `labels` in one token.

    Raises:
        ModelRefused: more labels than letters.
    """
    if len(labels) > MAX_LABELS:
        raise ModelRefused(
            f"{model!r} chooses among at most {MAX_LABELS} labels, not {len(labels)}; "
            "a specialist takes any number (`befit train`)",
            upstream_status=_REFUSED,
        )


def choice_body(body: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    """An OpenAI chat body that asks for the letter of one of `labels`.

    The options follow the last message, so that the workflow's instructions and the
    text stand before them as they were given.
    """
    try:
        messages = _read_messages(msgspec.json.encode(body["messages"]))
        last = messages[-1]
    except (msgspec.DecodeError, IndexError):
        raise ModelRefused("messages is not a list of messages", upstream_status=_REFUSED) from None
    options = "\n".join(f"{LETTERS[i]}. {label}" for i, label in enumerate(labels))
    question = f"\n\nOptions:\n{options}\n\nAnswer with the letter of the right option only."
    messages[-1] = _extended(last, question)
    return {
        "messages": messages,
        "max_tokens": 1,
        "logit_bias": [[letter, _BIAS] for letter in LETTERS[: len(labels)]],
        "logprobs": True,
        "top_logprobs": len(labels),
        "post_sampling_probs": True,
        "temperature": 1.0,
        "top_k": 0,
        "top_p": 1.0,
        "min_p": 0.0,
    }


def read_choice(
    logprobs: Sequence[Mapping[str, Any]], labels: Sequence[str], model: str
) -> list[tuple[str, float]]:
    """The labels with their probabilities, most probable first.

    Raises:
        ModelFailure: the model's vocabulary does not hold the letters as single tokens.
    """
    found: dict[str, float] = {}
    entries: list[dict[str, Any]] = logprobs[0].get("top_probs", []) if logprobs else []
    for entry in entries:
        letter = str(entry["token"]).strip()
        found[letter] = found.get(letter, 0.0) + float(entry["prob"])
    mass = [found.get(LETTERS[i], 0.0) for i in range(len(labels))]
    if sum(mass) < _LEAST_MASS:
        raise ModelFailure(f"{model!r} cannot choose by letters: it gave them {sum(mass):.2f}")
    ranked = zip(labels, (one / sum(mass) for one in mass), strict=True)
    return sorted(ranked, key=lambda pair: -pair[1])


def _extended(message: Mapping[str, Any], addition: str) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, str) or content is None:
        return {**message, "content": (content or "") + addition}
    return {**message, "content": [*content, {"type": "text", "text": addition}]}
