"""The revisions of the schema, numbered from 1. A released one never changes."""

__all__ = ()
