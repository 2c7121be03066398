"""`Examiner`: all detectors over all texts, and the class that their findings ask for.

examine = default_examiner().examine
examine(["card 4111 1111 1111 1111"]).data_class      # restricted
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

from befit.policy.detection.consequences import BY_MEANING
from befit.policy.detection.finding import (
    Consequence,
    Detector,
    Examination,
    Examine,
    Span,
    joined_consequence,
)
from befit.policy.detection.installed import installed_detectors
from befit.vocabulary import DataClass

MOST_CHARACTERS = 64_000_000
"""More in one examination is not examined, so it takes the strictest class."""

_RECOGNITION = "befit.policy.detection.recognition"

_log = logging.getLogger(__name__)


class Examiner:
    """Examines texts with every detector and joins what they find. From any thread."""

    def __init__(
        self,
        detectors: Sequence[Detector],
        consequences: Mapping[str, Consequence],
        *,
        most_characters: int = MOST_CHARACTERS,
    ) -> None:
        self._detectors = tuple(detectors)
        self._consequences = consequences
        self._most_characters = most_characters
        self._versions = tuple(detector.version for detector in detectors)

    def examine(self, texts: Sequence[str]) -> Examination:
        """Examine all texts. Never raises: a failure is told in `failed`. Blocking."""
        if sum(map(len, texts)) > self._most_characters:
            return self._failed(texts, f"more than {self._most_characters} characters")
        spans: list[tuple[Span, ...]] = []
        for text in texts:
            found: list[Span] = []
            for detector in self._detectors:
                try:
                    found += detector.detect(text)
                except Exception as error:  # noqa: BLE001 - a company's own detector; told, and denied
                    # The error's text may quote what was examined, so its type alone is told.
                    kind = type(error).__name__
                    _log.warning("detector %s failed: %s", detector.version, kind)
                    return self._failed(texts, f"detector {detector.version} failed: {kind}")
            unknown = next((each for each in found if each.type not in self._consequences), None)
            if unknown is not None:
                return self._failed(texts, f"no consequence is declared for {unknown.type}")
            spans.append(tuple(sorted(found, key=lambda each: (each.start, each.end, each.type))))
        return self._joined(tuple(spans))

    def _joined(self, spans: tuple[tuple[Span, ...], ...]) -> Examination:
        types = {span.type for found in spans for span in found}
        consequences = {each: self._consequences[each] for each in types}
        joined = joined_consequence(consequences.values())
        return Examination(
            spans=spans,
            data_class=joined.data_class if types else None,
            tags=joined.tags,
            detectors=self._versions,
            consequences=consequences,
        )

    def _failed(self, texts: Sequence[str], why: str) -> Examination:
        return Examination(
            spans=((),) * len(texts),
            data_class=DataClass.RESTRICTED,
            failed=why,
            detectors=self._versions,
        )


def default_examiner(overrides: Mapping[str, Consequence] | None = None) -> Examiner:
    """The packaged recognisers and every installed detector.

    Args:
        overrides: what `befit.yaml` says of single types.

    Raises:
        WorkspaceError: a detector is installed that cannot be set up.
    """
    return _examiner(_sound_detectors(), overrides)


def default_examine(overrides: Mapping[str, Consequence] | None = None) -> Examine:
    """As `default_examiner(overrides).examine`, which loads the recognisers when first called.

    Raises:
        WorkspaceError: a detector is installed that cannot be set up.
    """
    installed = _sound_detectors()
    examiner = cache(lambda: _examiner(installed, overrides))
    return lambda texts: examiner().examine(texts)


def known_types() -> frozenset[str]:
    """Every type that some installed detector finds or may be installed to find."""
    return frozenset(_declared((_recognition(), *installed_detectors().detectors)))


def _sound_detectors() -> tuple[Detector, ...]:
    installed = installed_detectors()
    if installed.faults:
        raise installed.faults[0]
    return installed.detectors


def _examiner(
    installed: Sequence[Detector], overrides: Mapping[str, Consequence] | None
) -> Examiner:
    detectors = (_recognition(), *installed)
    table = {**_declared(detectors), **(overrides or {})}
    return Examiner(detectors, MappingProxyType(table))


def _recognition() -> Detector:
    # Its tables of phone numbers, ids and characters cost a fifth of a second to load, which
    # a command that examines nothing need not pay.
    packaged: Detector = importlib.import_module(_RECOGNITION).Recognition()
    return packaged


def _declared(detectors: Sequence[Detector]) -> dict[str, Consequence]:
    table = dict(BY_MEANING)
    for detector in detectors:
        # Where two detectors find one type, the packaged one, which stands first, decides.
        table = {**detector.types, **table}
    return table
