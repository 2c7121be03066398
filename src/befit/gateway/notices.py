"""`Notices`: errors in the gateway's log are told on the terminal of `befit serve`, too."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_REPEAT_S = 300.0
_MOST_KNOWN = 100
_MOST_CHARACTERS = 500


class Notices(logging.Handler):
    """Passes on each error in one line, the same one at most every few minutes.

    Args:
        tell: takes one sentence; may be called from any thread.
    """

    def __init__(
        self, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(level=logging.ERROR)
        self._tell = tell
        self._clock = clock
        self._told: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one error; its traceback stays in the log."""
        message = " ".join(record.getMessage().split())[:_MOST_CHARACTERS]
        now = self._clock()
        last = self._told.get(message)
        if last is not None and now - last < _REPEAT_S:
            return
        if len(self._told) >= _MOST_KNOWN:
            self._told.clear()
        self._told[message] = now
        self._tell(message)
