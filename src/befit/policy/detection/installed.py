"""A company's own detectors, by the entry points that they are installed under."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from befit.errors import WorkspaceError
from befit.policy.detection.finding import Consequence, Detector

_GROUP = "befit.detectors"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """What the entry points come to.

    Attributes:
        faults: one for each detector that cannot be set up, by its name.
    """

    detectors: tuple[Detector, ...]
    faults: tuple[WorkspaceError, ...]


def installed_detectors() -> Installed:
    """Set up every installed detector, or say which cannot be and why. Never raises for one."""
    detectors: list[Detector] = []
    faults: list[WorkspaceError] = []
    for entry in entry_points(group=_GROUP):
        try:
            detectors.append(_set_up(entry))
        except Exception as error:  # noqa: BLE001 - a company's own code; told by its name
            _log.debug("detector %s cannot be set up", entry.name, exc_info=True)
            what = f"detector {entry.name!r} ({entry.value}) cannot be set up"
            step = "repair the package that brings it, or uninstall it"
            why = f"{type(error).__name__}: {error}"
            faults.append(WorkspaceError(f"{what}: {why}", next_step=step))
    return Installed(detectors=tuple(detectors), faults=tuple(faults))


@cache  # one that works is set up once, however often files are read; a failure is not kept
def _set_up(entry: EntryPoint) -> Detector:
    detector: Detector = entry.load()()
    for name, consequence in detector.types.items():
        if not isinstance(name, str) or not isinstance(consequence, Consequence):  # pyright: ignore[reportUnnecessaryIsInstance]  # it is not ours
            raise TypeError(f"its types are to be consequences by name, not {consequence!r}")
    if not isinstance(detector.version, str) or not callable(detector.detect):  # pyright: ignore[reportUnnecessaryIsInstance]  # it is not ours
        raise TypeError("its version is to be text, and detect a method")
    return detector
