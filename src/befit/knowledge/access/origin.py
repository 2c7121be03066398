"""Where an access list comes from, as it says itself."""

from __future__ import annotations

RULE = "rule:"
"""Begins the origin of a rule's list, and its key."""

SOURCE = "source"
"""The source's own metadata names its readers."""

UNKNOWN = "unknown"
"""The source has rights and could not tell them: nobody but administrators, whatever rules say."""

NONE = "none"
"""Nobody is known: neither source nor rule says anything."""

SOURCE_ORIGINS = frozenset({SOURCE, UNKNOWN})
"""What goes before any rule."""
