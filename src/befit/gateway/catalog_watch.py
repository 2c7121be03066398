"""`CatalogWatch`: takes up changed files of the workspace while the gateway runs."""

from __future__ import annotations

import asyncio
import logging

from befit.errors import BefitError
from befit.platform import Platform

_LOOK_EVERY_S = 1.0

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
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                await self._look()
            except (BefitError, OSError) as error:
                _log.error("the workspace could not be looked at: %s", error)

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
