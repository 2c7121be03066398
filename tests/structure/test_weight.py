"""What a command does not use, it does not load."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.structure.tree import ROOT

OTHERS = {
    "alembic",
    "docx",
    "httpx",
    "jsonschema",
    "onnxruntime",
    "openai",
    "openpyxl",
    "phonenumbers",
    "pptx",
    "pypdfium2",
    "rich",
    "scipy",
    "selectolax",
    "sklearn",
    "stdnum",
    "tokenizers",
    "xllamacpp",
}
"""What only some commands need."""

# Each step is taken in the process of those before it, and adds what it allows to theirs.
STEPS = {
    "befit.cli.main": {"asyncio", "cedarpy", "cryptography", "numpy", "pydantic", "yaml"},
    "befit.settings": {"numpy", "sqlalchemy", "tantivy"},
    "befit.cli.local_session": set[str](),
}
"""What is imported, and what must not be loaded by then besides `OTHERS`."""

_LOOK = """
import importlib, json, sys
loaded = {}
for step in sys.argv[1:]:
    module = importlib.import_module(step)
    if step == "befit.cli.main":
        try:
            module.main(["--help"])
        except SystemExit:
            pass
    loaded[step] = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps(loaded))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", _LOOK, *STEPS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("step", STEPS)
def test_what_only_some_commands_need_is_not_loaded_by_the_others(
    step: str, loaded: dict[str, list[str]]
) -> None:
    heavy = (OTHERS | STEPS[step]) & set(loaded[step])
    assert not heavy, f"{step} loads {sorted(heavy)}: import them where they are used"
