from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.knowledge.ingestion.taking_in import Place, quick_folder
from tests.knowledge.shelves import Shelves


@pytest.fixture
def place() -> Iterator[Place]:
    with quick_folder() as folder:
        shelves = Shelves.at(folder)
        place = Place(shelves)
        yield place
        place.parser.close()
        shelves.close()
