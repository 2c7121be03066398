"""What all tests share: where the data lies, and an environment that is nobody's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from befit.errors import WeightsMissing

if TYPE_CHECKING:
    from tests.embedder import RunningEmbedder

ROOT = Path(__file__).resolve().parent.parent

# Two cores serve the whole suite; a pool a library and process would only queue.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "2")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# A developer's keys must neither be used by a test nor change its course.
for _variable in [name for name in os.environ if name.endswith("_API_KEY")]:
    del os.environ[_variable]

# A busy machine is not a failing promise, and CI must draw the same cases twice.
hypothesis.settings.register_profile("befit", deadline=None, print_blob=True)
hypothesis.settings.register_profile(
    "befit-ci", deadline=None, print_blob=True, derandomize=True, database=None
)
hypothesis.settings.load_profile("befit-ci" if os.environ.get("CI") else "befit")


@pytest.fixture
def shared_data() -> Callable[[str], Path]:
    """Find a data set that lies beside the repository, or skip and say where it belongs.

    `shared_data("intent_banking77/dev")` looks under `BEFIT_SHARED_DATA`, by default
    `../shared/data` from the repository's root.
    """
    folder = Path(os.environ.get("BEFIT_SHARED_DATA") or ROOT.parent / "shared" / "data")

    def find(name: str) -> Path:
        path = folder / name
        if not path.exists():
            pytest.skip(f"no data: {name} is not in {folder}; set BEFIT_SHARED_DATA to its folder")
        return path

    return find


@pytest.fixture(scope="session")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEmbedder]:
    """A model process with the real embedder, or skip where its weights are not pulled."""
    from befit.inference.embedded.weights import MINILM, located
    from tests.embedder import running_embedder

    try:
        located(MINILM)
    except WeightsMissing as error:
        pytest.skip(f"real weights are needed: {error}")
    with running_embedder(tmp_path_factory.mktemp("embedder")) as running:
        yield running
