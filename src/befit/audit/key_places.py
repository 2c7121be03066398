"""`KeyPlaces`: where data keys lie in their files, remembered for the months last read.

    number = places.find(file, mark)      # None: the file has no such key
    with file.reading() as reader:
        record = reader.at(number)        # the file says whether it has been destroyed

It holds numbers, never keys, so that nothing here has to follow a destruction.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from befit.audit.data_key_file import KeyFile

_MOST = 262_144
"""At about 130 bytes a key, 35 MB."""


@dataclass(kw_only=True, slots=True)
class _Places:
    """The number of each key of one file that was not destroyed, by its id."""

    read: int = 0
    numbers: dict[bytes, int] = field(default_factory=dict[bytes, int])

    def read_on(self, file: KeyFile) -> None:
        for number, record in file.read(self.read):
            self.read = number + 1
            if not record.is_destroyed:
                self.numbers[record.id] = number


class KeyPlaces:
    """Finds keys in their files by id. Safe from several threads.

    Args:
        most: how many keys it remembers; the month read last stays whole all the same.
    """

    def __init__(self, *, most: int = _MOST) -> None:
        self._most = most
        self._files: OrderedDict[Path, _Places] = OrderedDict()  # the one read last is last
        self._turn = threading.Lock()

    def __len__(self) -> int:
        """How many keys it remembers."""
        return sum(len(places.numbers) for places in self._files.values())

    def find(self, file: KeyFile, mark: bytes) -> int | None:
        """The number of a key in a file; None where it is not there.

        Raises:
            WorkspaceError, OSError: the file cannot be read.
        """
        with self._turn:
            places = self._files.setdefault(file.path, _Places())
            self._files.move_to_end(file.path)
            if mark not in places.numbers:
                places.read_on(file)
                while len(self._files) > 1 and len(self) > self._most:
                    self._files.popitem(last=False)
            return places.numbers.get(mark)
