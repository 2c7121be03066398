"""A fresh `.befit/` folder with its keys, and ledgers in it that close themselves."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from befit.audit import FileLedger, Keyring, Receipt, open_keyring, open_ledger
from befit.testing.ledger import closing_drafts, opening_drafts


@pytest.fixture
def befit(tmp_path: Path) -> Path:
    return tmp_path / ".befit"


@pytest.fixture
def keyring(befit: Path) -> Keyring:
    return open_keyring(befit)


@pytest.fixture
def opened(befit: Path, keyring: Keyring) -> Iterator[Callable[..., FileLedger]]:
    """Opens ledgers in the folder; whatever is still open at the end is closed."""
    ledgers: list[FileLedger] = []

    def opened(**options: object) -> FileLedger:
        ledgers.append(open_ledger(befit, keyring, **options))  # type: ignore[arg-type]
        return ledgers[-1]

    yield opened
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def answer() -> Callable[[FileLedger, str], Awaitable[tuple[Receipt, ...]]]:
    """Appends a whole answered decision in its two groups."""

    async def answer(ledger: FileLedger, decision_id: str) -> tuple[Receipt, ...]:
        first = await ledger.append(opening_drafts(decision_id))
        return first + await ledger.append(closing_drafts(decision_id))

    return answer


@pytest.fixture
def copied(befit: Path) -> Iterator[Callable[[], Path]]:
    """Copies the folder as it is now, to be damaged."""
    with tempfile.TemporaryDirectory(dir=befit.parent) as folder:
        count = 0

        def copied() -> Path:
            nonlocal count
            count += 1
            return shutil.copytree(befit, Path(folder) / str(count))

        yield copied
