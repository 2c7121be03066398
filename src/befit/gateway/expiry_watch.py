"""`ExpiryWatch`: ends approvals that nobody took in time while the gateway runs."""

from __future__ import annotations

import asyncio
import logging

from befit.errors import BefitError
from befit.platform import Platform

_EVERY_S = 30.0

_log = logging.getLogger("befit.gateway")


class ExpiryWatch:
    """Looks for approvals that are due; one that cannot be ended is told and tried again."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                await self._platform.resolutions.expire_due()
            except (BefitError, OSError) as error:
                _log.error("approvals that are due could not be expired: %s", error)
