"""The public names of all packages, and the file that pins them.

`make exports` runs this file after a wanted change; the difference then shows in review.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.structure.tree import ROOT, exports_of, packages

PINNED = Path(__file__).with_name("exports.json")


def current() -> dict[str, list[str]]:
    """What each package exports now."""
    return {module: sorted(exports_of(package) or []) for module, package in packages().items()}


def pinned() -> dict[str, list[str]]:
    """What the last reviewed change said that each package exports."""
    return json.loads(PINNED.read_text(encoding="utf-8"))


def main() -> None:
    """Pin what is there now."""
    PINNED.write_text(json.dumps(current(), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{PINNED.relative_to(ROOT)}: {len(current())} packages")


if __name__ == "__main__":
    main()
