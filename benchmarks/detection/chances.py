"""How often a random number is taken for an id, by the form that it is written in."""

from __future__ import annotations

import random

from befit.policy.detection.recognition.digit_runs import digit_runs
from befit.policy.detection.recognition.national_ids import DIGIT_IDS
from befit.policy.detection.recognition.stretch import Stretch

_TRIES = 20_000


def chances() -> None:
    """Print the share of random digits that count as an id by themselves, without a word."""
    print(f"\nchances: random digits taken for an id without a word, of {_TRIES}")
    source = random.Random(1)
    for each in DIGIT_IDS:
        for sizes, separators in each.alone.items():
            separator = separators[:1]
            taken = 0
            for _ in range(_TRIES):
                groups = ["".join(source.choices("0123456789", k=size)) for size in sizes]
                text = separator.join(groups)
                run = next(digit_runs(Stretch(text, 0, (0, len(text)))))
                taken += each.is_one(run.number(0, len(sizes) - 1))
            form = separator.join("9" * size for size in sizes)
            print(f"  {each.type:18} {form:24} {taken / _TRIES:8.3%}")
