"""`moment`: the points in time that people write in queries."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from befit.errors import InvalidRequest

_AGO = re.compile(r"(\d{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def moment(text: str | None, param: str) -> float | None:
    """Unix seconds of a date (UTC), a date with time, how long ago (`7d`, `24h`), or seconds.

    Raises:
        InvalidRequest: it is none of them; `param` names it.
    """
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return time.time() - int(ago[1]) * _SECONDS[ago[2]]
    try:
        return float(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(
            f"{param} {text!r} is no time",
            next_step="write 2026-01-31, 2026-01-31T08:00, 7d, 24h or Unix seconds",
            param=param,
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
