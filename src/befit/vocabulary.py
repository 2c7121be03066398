"""The words every room shares: data classes, zones, impact, evidence, ids.

Values only, no behaviour beyond ordering and parsing, so that any room may import them.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
import time
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum
from typing import Protocol, TypeVar

DEFAULT_TENANT = "default"

_E = TypeVar("_E", bound=Enum)


class DataClass(IntEnum):
    """How far content may travel; ordered, so `max` joins classes."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    RESTRICTED = 3

    @property
    def word(self) -> str:
        """The word used in files, JSON and answers, such as `restricted`."""
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> DataClass:
        """Read the word of a file or a request.

        Raises:
            ValueError: naming the four words, when `word` is none of them.
        """
        try:
            return cls[word.upper()]
        except KeyError:
            known = ", ".join(member.word for member in cls)
            raise ValueError(f"data class {word!r} is none of {known}") from None


class Tag(StrEnum):
    """What kind of sensitive content a text carries, beside its class."""

    PII = "pii"
    PHI = "phi"
    PCI = "pci"
    SECRET = "secret"  # noqa: S105 - a tag's name, not a password
    EXPORT_CONTROLLED = "export_controlled"


class Zone(StrEnum):
    """Where a model runs; what is declared decides."""

    DEVICE = "device"
    ONPREM = "onprem"
    PRIVATE_CLOUD = "private_cloud"
    EXTERNAL = "external"


class SizeClass(StrEnum):
    """The two tiers of models a route goes through."""

    SMALL = "small"
    LARGE = "large"


class Impact(StrEnum):
    """Whether an answer may take effect before a person has seen it."""

    LOW = "low"
    HIGH = "high"


class Evidence(StrEnum):
    """What stands behind a model's use for a workflow; strongest first."""

    CERTIFICATE = "certificate"
    EVALUATION = "evaluation"
    DECLARED = "declared"
    NONE = "none"


class Status(StrEnum):
    """How a run stands towards its caller."""

    ANSWERED = "answered"
    PENDING_PERSON = "pending_person"
    REFUSED = "refused"
    FAILED = "failed"


class Purpose(StrEnum):
    """Why a model is called; written in every permit and `reserved` event."""

    ANSWER = "answer"
    ESCALATION = "escalation"
    FALLBACK = "fallback"
    EMBEDDING = "embedding"
    MATCH = "match"
    EVALUATION = "evaluation"
    TRAINING = "training"
    PROBE = "probe"


class BudgetPeriod(StrEnum):
    """How long a budget lasts before it starts anew, at midnight UTC."""

    TOTAL = "total"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One labelled example of a workflow: the contract format `cases`.

    `expected` is a label, several acceptable labels, or an object; None where only
    predictions are wanted.
    """

    id: str
    input: str | dict[str, object]
    expected: str | tuple[str, ...] | dict[str, object] | None = None


OUT_OF_SCOPE = "oos"


class Progress(Protocol):
    """Told how far a long command has come; called from any thread."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` steps of `stage` are behind us; `total` 0 is unknown."""
        ...


def silent(stage: str, done: int, total: int) -> None:
    """A `Progress` for callers that show none."""


# A system call for each id costs more than all else about it. A keyed hash of a counter is
# as unguessable (BLAKE2b as a pseudorandom function, RFC 7693) and unique in the process.
_ID_KEY = secrets.token_bytes(32)
_next_number = itertools.count().__next__


def new_id(prefix: str) -> str:
    """A sortable unguessable id: prefix, milliseconds in hex, 80 pseudorandom bits."""
    number = _next_number().to_bytes(8)
    mark = hashlib.blake2b(number, key=_ID_KEY, digest_size=10).hexdigest()
    return f"{prefix}_{int(time.time() * 1000):011x}{mark}"
