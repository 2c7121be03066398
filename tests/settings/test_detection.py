"""The section `detection`: what a company may say of single types, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from befit.catalog import Workspace
from befit.errors import WorkspaceError
from befit.policy.detection import Consequence
from befit.settings import load_settings
from befit.vocabulary import DataClass, Tag


def _workspace(folder: Path, section: str) -> Workspace:
    (folder / "befit.yaml").write_text(f"models: {{}}\n{section}\n")
    return Workspace(folder)


def test_nothing_said_is_detection_by_the_packaged_table(tmp_path: Path) -> None:
    detection = load_settings(_workspace(tmp_path, "")).detection
    assert detection.enabled
    assert detection.consequences == {}


def test_a_type_may_ask_for_another_class_or_for_nothing(tmp_path: Path) -> None:
    section = """
detection:
  consequences:
    EMAIL_ADDRESS: {class: confidential, tags: [pii]}
    IP_ADDRESS: {class: public}
"""
    table = load_settings(_workspace(tmp_path, section)).detection.consequences
    assert table["EMAIL_ADDRESS"] == Consequence(
        data_class=DataClass.CONFIDENTIAL, tags=frozenset({Tag.PII})
    )
    assert table["IP_ADDRESS"].is_none


@pytest.mark.parametrize(
    ("consequences", "told"),
    [
        ("{EMAIL_ADRESS: {class: public}}", "did you mean 'EMAIL_ADDRESS'?"),
        ("{credit_card: {class: public}}", "did you mean 'CREDIT_CARD'?"),
        ("{SECRET: {clas: public}}", "did you mean 'class'?"),
        ("{SECRET: {class: secret}}", "none of public, internal, confidential, restricted"),
        ("{SECRET: {tags: [pi]}}", "did you mean 'pii'?"),
    ],
)
def test_a_wrong_word_is_told_with_the_nearest(
    tmp_path: Path, consequences: str, told: str
) -> None:
    workspace = _workspace(tmp_path, f"detection: {{consequences: {consequences}}}")
    with pytest.raises(WorkspaceError, match="detection") as error:
        load_settings(workspace)
    assert told in str(error.value)
