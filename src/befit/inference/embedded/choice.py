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

    The options stand in the first system message, behind the workflow's instructions and
    before the text: what all calls of a workflow share is then one prefix, which the
    engine keeps, and a call computes little more than its own text.
    """
    try:
        messages = _read_messages(msgspec.json.encode(body["messages"]))
    except msgspec.DecodeError:
        messages = []
    if not messages:
        raise ModelRefused("messages is not a list of messages", upstream_status=_REFUSED)
    options = "\n".join(f"{LETTERS[i]}. {label}" for i, label in enumerate(labels))
    question = f"Options:\n{options}\n\nAnswer with the letter of the right option only."
    return {
        "messages": _instructed(messages, question),
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


def _instructed(messages: list[dict[str, Any]], addition: str) -> list[dict[str, Any]]:
    """The messages with an instruction added to the first one, where that is the system's."""
    first, rest = messages[0], messages[1:]
    if first.get("role") != "system":
        return [{"role": "system", "content": addition}, *messages]
    content = first.get("content")
    if isinstance(content, list):
        return [{**first, "content": [*content, {"type": "text", "text": addition}]}, *rest]
    joined = f"{content}\n\n{addition}" if content else addition
    return [{**first, "content": joined}, *rest]
