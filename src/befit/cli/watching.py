"""`watch`: look at a source again and again, and act where it may have changed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

from befit.cli.output import say
from befit.errors import BefitError, InvalidRequest
from befit.knowledge.sources import Item, SourceFailed, open_source

_ROWS = (".jsonl", ".jsonl.gz")


def watch(address: str, act: Callable[[], bool], *, every_s: float) -> None:
    """Act once, and again whenever what lies at the address has changed; until Ctrl-C.

    A local folder or file is looked at here, which costs a listing. Of what is elsewhere only
    an ingest itself tells whether it has changed. What fails is told and tried again.

    Args:
        address: whole, so that it means the same from everywhere.
        act: takes in what is there; returns whether all of it could be seen.
        every_s: between two looks.

    Raises:
        BefitError: the first time already.
    """
    seen = _look_of(address)
    if not act():
        seen = None
    while True:
        try:
            time.sleep(every_s)
        except KeyboardInterrupt:
            return
        now = _look_of(address)
        if now is None or now != seen:
            seen = now if _acted(act) else None


def _acted(act: Callable[[], bool]) -> bool:
    try:
        return act()
    except BefitError as error:
        say(f"befit: {error}; trying again")
        return False


def _look_of(address: str) -> str | None:
    """What changes with what lies at a local address; None where that cannot be told."""
    if "://" in address:
        return None
    path = Path(address)
    try:
        if path.is_file() and address.lower().endswith(_ROWS):
            status = path.stat()
            return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"
        look = hashlib.sha256()
        for each in open_source(address).items():
            if isinstance(each, Item):
                look.update(f"{each.doc_id}\0{each.change_token}\0".encode("utf-8", "replace"))
        return look.hexdigest()
    except (OSError, SourceFailed, InvalidRequest):
        return None  # the ingest says what is wrong
