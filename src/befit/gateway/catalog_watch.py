"""`CatalogWatch`: takes up changed files of the workspace while the gateway runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

from befit.errors import BefitError
from befit.platform import Platform

_LOOK_EVERY_S = 1.0
_EXPIRE_EVERY = 30
"""Looks between two rounds over approvals that nobody took in time."""

_log = logging.getLogger("befit.gateway")


class CatalogWatch:
    """Looks at the files about once a second; wrong ones leave the old catalog in force.

    Attributes:
        problems: why the files as they are now are not in force.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.problems: tuple[str, ...] = ()

    async def run(self) -> None:
        """Watch until cancelled."""
        looks = 0
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            looks += 1
            await self._try(self._look(), "the workspace could not be looked at")
            if looks % _EXPIRE_EVERY == 0:
                expiring = self._platform.resolutions.expire_due()
                await self._try(expiring, "approvals that are due could not be expired")

    async def _try(self, work: Awaitable[object], problem: str) -> None:
        try:
            await work
        except (BefitError, OSError) as error:
            _log.error("%s: %s", problem, error)

    async def _look(self) -> None:
        found = await self._platform.shelf.reload()
        problems = tuple(str(problem) for problem in found.problems)
        if problems != self.problems:
            for problem in problems:
                _log.error("a changed file is not in force: %s", problem)
            self.problems = problems
        if found.changed:
            catalog, policy = self._platform.catalog.current.version, self._platform.policy.hash
            _log.info("catalog %s and policy %s are in force", catalog, policy)
