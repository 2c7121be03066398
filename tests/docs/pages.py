"""The runnable examples of README.md and docs/, and how they are marked.

A fence of `bash` or `python` runs when the line above it (blank lines aside) is a comment

    <!-- run -->            run it; it must exit 0
    <!-- run: exit 1 -->    it must exit 1
    <!-- run: background --> start it, go on once it has printed its first line with a URL,
                            stop it when the page ends
    <!-- run: heavy -->     the page takes minutes: CI runs it, `make test` does not

Flags combine: `<!-- run: heavy, exit 1 -->`. A page's blocks run from top to bottom in one
empty folder, and a variable that a bash block exports, or a folder it changes to, is there
for the blocks that follow, python ones included. Text between `# -> ` at the start of a
line and the end of that line must occur in what the block prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MARK = re.compile(r"^<!--\s*run(?::\s*(?P<flags>[^>]*?))?\s*-->$")
FENCE = re.compile(r"^```(?P<language>bash|python)\s*$")
FLAGS = re.compile(r"heavy|background|exit \d+")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One runnable example."""

    page: Path
    line: int
    language: str
    code: str
    flags: frozenset[str]

    @property
    def where(self) -> str:
        """The place that a message names."""
        return f"{self.page.name}:{self.line}"

    @property
    def exit_code(self) -> int:
        """How the example must end."""
        return next((int(flag[5:]) for flag in self.flags if flag.startswith("exit ")), 0)

    @property
    def expected(self) -> list[str]:
        """What it must print."""
        return [line[5:].strip() for line in self.code.splitlines() if line.startswith("# -> ")]


def pages() -> list[Path]:
    """README.md, CONTRIBUTING.md and every page of docs/."""
    top = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    return [page for page in (*top, *sorted((ROOT / "docs").rglob("*.md"))) if page.exists()]


def runnable_blocks(page: Path) -> list[Block]:
    """The marked fences of a page, in order.

    Raises:
        ValueError: a mark has an unknown flag or stands above no fence.
    """
    return list(_blocks(page, page.read_text(encoding="utf-8").splitlines()))


def fences(page: Path) -> Iterator[tuple[int, str]]:
    """Each line within a bash fence, marked or not, with its number."""
    inside = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("```"):
            inside = not inside and line.strip() in {"```bash", "```console", "```sh"}
        elif inside:
            yield number, line


def _blocks(page: Path, lines: list[str]) -> Iterator[Block]:
    for index, line in enumerate(lines):
        if not (mark := MARK.match(line.strip())):
            continue
        flags = frozenset(flag.strip() for flag in (mark["flags"] or "").split(",") if flag.strip())
        if unknown := [flag for flag in flags if not FLAGS.fullmatch(flag)]:
            raise ValueError(f"{page.name}:{index + 1}: no such flag: {unknown}")
        start = next((at for at in range(index + 1, len(lines)) if lines[at].strip()), index)
        if not (fence := FENCE.match(lines[start])):
            raise ValueError(f"{page.name}:{index + 1}: no bash or python fence follows the mark")
        end = lines.index("```", start)
        code = "\n".join(lines[start + 1 : end]) + "\n"
        yield Block(page=page, line=start + 1, language=fence["language"], code=code, flags=flags)
