"""`ParseLimits`: the most that one file may cost."""

from __future__ import annotations

import msgspec


class ParseLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on one file, so that no file stops a run.

    Attributes:
        timeout_s: of the whole file; then its process is killed.
        file_bytes: of any file.
        text_chars: of the text that comes out.
        inflated_bytes: of everything packed in an office file.
        archive_entries: of an office file.
        parts: blocks, and lines with boxes; the text beyond has none.
        memory_bytes: address space of the process.
    """

    timeout_s: float = 60.0
    file_bytes: int = 1 << 30
    text_chars: int = 20_000_000
    inflated_bytes: int = 512 << 20
    archive_entries: int = 20_000
    parts: int = 300_000
    memory_bytes: int = 1_500 << 20
