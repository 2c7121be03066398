"""The composition root: what a workspace holds, opened and wired once."""

from befit.platform.platform import Platform
from befit.platform.shelf import Shelf
from befit.platform.snapshot import Catalogs, Snapshot
from befit.platform.stores import Stores

__all__ = ["Catalogs", "Platform", "Shelf", "Snapshot", "Stores"]
