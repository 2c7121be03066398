"""What is committed names no machine, no registry and no way of working."""

from __future__ import annotations

import re
from pathlib import Path

from tests.structure.tree import ROOT, SRC, tracked_files

# Written in pieces, so that this file passes its own test.
MACHINE_PATH = re.compile(r"(?<![\w./~-])/(?:work|root|opt|home/\w+|Users/\w+|tmp/w)(?:/|\b(?!\w))")
REGISTRY = re.compile(
    "|".join(["pypi" + r"\.org", "python" + "hosted", "npm" + r"js\.", "deb" + r"\.debian"])
)
AUTHORSHIP = re.compile(
    "|".join(["co-" + "authored-by", "generated " + "(?:by|with) an? (?:ai|agent|assistant)"]),
    re.IGNORECASE,
)
BYTES = 1_000_000


def test_no_committed_file_names_a_machine_or_a_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number} {match[0]!r}"
        for path in tracked_files()
        for number, line in enumerate(_text(path).splitlines(), start=1)
        for pattern in (MACHINE_PATH, REGISTRY, AUTHORSHIP)
        if (match := pattern.search(line))
    ]
    assert not found, "\n".join(["not for the repository:", *found])


def test_no_committed_file_is_large_or_built() -> None:
    large = [
        f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes"
        for path in tracked_files()
        if path.stat().st_size > BYTES or path.suffix in {".pyc", ".so", ".whl", ".gguf", ".onnx"}
    ]
    assert not large, "\n".join(["fetched or built when needed, not committed:", *large])


def test_locks_hold_names_versions_and_hashes_only() -> None:
    line = re.compile(r"^(#|[a-z0-9][a-z0-9._-]*==|    --hash=sha256:[0-9a-f]{64}|    #)")
    locks = sorted((ROOT / "requirements").glob("*.lock"))
    stray = [
        f"{lock.name}: {text}"
        for lock in locks
        for text in lock.read_text(encoding="utf-8").splitlines()
        if not line.match(text) or "://" in text
    ]
    assert locks, "requirements/ holds no lock; run `make lock`"
    assert not stray, "\n".join(["unlike a lock; run `make lock`:", *stray])


def test_a_type_checker_finds_the_package_typed() -> None:
    assert (SRC / "befit" / "py.typed").exists()


def _text(path: Path) -> str:
    """The file's text; of a binary file whatever reads as text."""
    return path.read_text(encoding="utf-8", errors="replace")
