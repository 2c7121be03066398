"""Server-sent events from bytes that arrive cut anywhere."""

from __future__ import annotations

from befit.errors import ModelFailure

_LARGEST_EVENT = 8 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class EventParser:
    r"""Collects the `data` of each event; names, ids and comments are dropped.

    Lines end in LF or CRLF (bare CR, which the standard also knows, is not in use).

        >>> parser = EventParser()
        >>> parser.feed(b"data: on"), parser.feed(b"e\n\n: hi\n")
        ([], [b'one'])
    """

    def __init__(self) -> None:
        self._pending: list[bytes] = []  # pieces of the line that has not ended
        self._data: list[bytes] = []  # lines of the event that has not ended
        self._size = 0
        self._is_first_line = True

    def feed(self, data: bytes) -> list[bytes]:
        """The events that `data` completes.

        Raises:
            ModelFailure: one event exceeds 8 MB.
        """
        self._size += len(data)
        if b"\n" not in data:
            # Joined only once the line ends: a long line in small pieces stays linear.
            self._pending.append(data)
            self._check_size()
            return []
        if self._pending:
            self._pending.append(data)
            data = b"".join(self._pending)
        lines = data.split(b"\n")
        rest = lines.pop()
        self._pending = [rest] if rest else []
        events: list[bytes] = []
        for line in lines:
            self._take_line(line, events)
        if not events:
            self._check_size()
        else:
            self._size = len(rest) + sum(map(len, self._data))
        return events

    def end(self) -> list[bytes]:
        """The event at the end of the stream whose closing blank line is missing."""
        events: list[bytes] = []
        self._take_line(b"".join(self._pending), events)
        self._take_line(b"", events)
        self._pending = []
        return events

    def _take_line(self, line: bytes, events: list[bytes]) -> None:
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BOM)
        if line.endswith(b"\r"):
            line = line[:-1]
        if not line:
            if self._data:
                events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                self._data = []
        elif line.startswith(b"data:"):
            self._data.append(line[6:] if line[5:6] == b" " else line[5:])

    def _check_size(self) -> None:
        if self._size > _LARGEST_EVENT:
            raise ModelFailure(f"the stream holds an event of more than {_LARGEST_EVENT} bytes")
