"""`RetentionWatch`: applies retention once a day while the gateway runs."""

from __future__ import annotations

import asyncio
import logging

from befit.errors import BefitError
from befit.gateway.operations.ledger.erasure import retain_all
from befit.platform import Platform

_FIRST_S = 60.0
_EVERY_S = 86_400.0
_BY = "system:retention"

_log = logging.getLogger("befit.gateway")


class RetentionWatch:
    """Destroys the keys whose time has come. A failure is told, and tried again next day."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def run(self) -> None:
        """Go on until cancelled; the first round comes soon after the start."""
        await asyncio.sleep(_FIRST_S)
        while True:
            try:
                records = await retain_all(self._platform, _BY)
            except (BefitError, OSError) as error:
                _log.error("retention could not be applied: %s", error)
            else:
                if records:
                    _log.info("retention destroyed keys; %s events record which", records)
            await asyncio.sleep(_EVERY_S)
