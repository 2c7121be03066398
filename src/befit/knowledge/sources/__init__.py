"""Where documents come from: folders, object stores, web sites, JSON Lines, and your own."""

from befit.knowledge.sources.failed import SourceFailed
from befit.knowledge.sources.opening import open_source
from befit.knowledge.sources.options import SourceOptions
from befit.knowledge.sources.source import Fetched, Item, Skipped, Source

__all__ = [
    "Fetched",
    "Item",
    "Skipped",
    "Source",
    "SourceFailed",
    "SourceOptions",
    "open_source",
]
