"""The reference page names every type that can be found."""

from __future__ import annotations

from pathlib import Path

from befit.policy.detection import known_types

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "detection.md"


def test_every_type_stands_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in sorted(known_types()) if f"`{name}`" not in page] == []
