"""A company's own detectors: installed ones are asked, broken ones are told by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from befit.catalog import Workspace
from befit.errors import WorkspaceError
from befit.policy.detection import default_examiner, installed_detectors, known_types
from befit.settings import examine_workspace

_GOOD = """
from befit.policy.detection import Consequence, Span
from befit.vocabulary import DataClass

class Detector:
    made = 0
    version = "staff/1"
    types = {"STAFF_NUMBER": Consequence(data_class=DataClass.CONFIDENTIAL)}

    def __init__(self):
        Detector.made += 1

    def detect(self, text):
        at = text.find("S-")
        return (Span(start=at, end=at + 7, type="STAFF_NUMBER"),) if at >= 0 else ()
"""
_BROKEN = {
    "constructor": _GOOD.replace("Detector.made += 1", "raise ValueError('no model')"),
    "import": "import nothing_of_that_name\n",
    "types": _GOOD.replace("Consequence(data_class=DataClass.CONFIDENTIAL)", "'confidential'"),
    "version": _GOOD.replace('"staff/1"', "1"),
}

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a module with an entry point of its own name on the path."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def installed(module: str, source: str) -> None:
        (site / f"{module}.py").write_text(source)
        facts = site / f"{module}-1.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
        (facts / "entry_points.txt").write_text(
            f"[befit.detectors]\n{module} = {module}:Detector\n"
        )

    return installed


def test_an_installed_detector_is_asked_and_set_up_once(install: Install) -> None:
    install("own_good", _GOOD)
    for _ in range(3):
        assert default_examiner().examine(["ask S-12345"]).types == ("STAFF_NUMBER",)
        assert "STAFF_NUMBER" in known_types()
    (own,) = installed_detectors().detectors
    assert type(own).made == 1


@pytest.mark.parametrize("how", _BROKEN)
def test_a_broken_detector_is_a_problem_of_the_workspace_by_its_name(
    install: Install, tmp_path: Path, how: str
) -> None:
    install(f"own_{how}", _BROKEN[how])
    (tmp_path / "befit.yaml").write_text("models: {}\n")
    examination = examine_workspace(Workspace(tmp_path))
    assert examination.settings is None
    (problem,) = map(str, examination.problems)
    assert f"detector 'own_{how}' (own_{how}:Detector) cannot be set up" in problem
    assert "uninstall it" in problem
    with pytest.raises(WorkspaceError, match=f"own_{how}"):
        default_examiner()


def test_a_broken_detector_is_told_alone_though_the_settings_name_its_types(
    install: Install, tmp_path: Path
) -> None:
    install("own_named", _BROKEN["constructor"])
    (tmp_path / "befit.yaml").write_text(
        "models: {}\ndetection: {consequences: {STAFF_NUMBER: {class: public}}}\n"
    )
    (problem,) = map(str, examine_workspace(Workspace(tmp_path)).problems)
    assert "ValueError: no model" in problem


def test_where_detection_is_off_no_detector_is_needed(install: Install, tmp_path: Path) -> None:
    install("own_unneeded", _BROKEN["constructor"])
    (tmp_path / "befit.yaml").write_text("models: {}\ndetection: {enabled: false}\n")
    assert examine_workspace(Workspace(tmp_path)).problems == ()
