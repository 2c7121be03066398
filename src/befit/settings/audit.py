"""The section `audit` of `befit.yaml`: checkpoints and retention."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, Field

from befit.catalog import Entry
from befit.vocabulary import DataClass

_KEPT = re.compile(r"([1-9][0-9]{0,4})([dy])\Z")
_DAYS = {"d": 1, "y": 365}


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditSettings:
    """How the ledger is kept.

    Attributes:
        checkpoint_every_s: how often a signed checkpoint is written; 0 only when stopping.
        checkpoint_file: a file, best on another machine, that each checkpoint is appended to;
            relative to the workspace.
        retention_days: how long what is sealed is kept, by class; a class that is absent
            is kept for good, and None is what was sealed before its class was known.
    """

    checkpoint_every_s: float = 300.0
    checkpoint_file: str | None = None
    retention_days: Mapping[DataClass | None, int] = field(
        default_factory=lambda: MappingProxyType(dict[DataClass | None, int]())
    )


def _checked_kept(text: str) -> str:
    if not _KEPT.match(text):
        raise ValueError("how long it is kept, in days or years, like 90d or 7y")
    return text


Kept = Annotated[str, AfterValidator(_checked_kept)]
"""How long something is kept, as people write it."""


class RetentionEntry(Entry):
    """The keys of `retention`: a class that is left out is kept for good."""

    public: Kept | None = None
    internal: Kept | None = None
    confidential: Kept | None = None
    restricted: Kept | None = None
    undetermined: Kept | None = None

    def days(self) -> Mapping[DataClass | None, int]:
        """Days by class; None stands for what was sealed before its class was known."""
        told: dict[DataClass | None, str | None] = {
            DataClass.PUBLIC: self.public,
            DataClass.INTERNAL: self.internal,
            DataClass.CONFIDENTIAL: self.confidential,
            DataClass.RESTRICTED: self.restricted,
            None: self.undetermined,
        }
        days = {which: _days(text) for which, text in told.items() if text is not None}
        return MappingProxyType(days)


def _days(text: str) -> int:
    return int(text[:-1]) * _DAYS[text[-1]]


class AuditEntry(Entry):
    """The keys of the section."""

    checkpoint_every_s: Annotated[float, Field(ge=0)] = 300.0
    checkpoint_file: str | None = None
    retention: RetentionEntry = RetentionEntry()

    def settings(self) -> AuditSettings:
        """The section as a value."""
        return AuditSettings(
            checkpoint_every_s=self.checkpoint_every_s,
            checkpoint_file=self.checkpoint_file,
            retention_days=self.retention.days(),
        )
