"""One file a format: each makes a `Parsed` of it. Only `reading` uses them."""

__all__ = []
