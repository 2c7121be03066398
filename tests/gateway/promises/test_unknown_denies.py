"""Promise 2: what nobody could examine or decide is refused, or goes nowhere but inside.

Rules that fail are in `rules.py`, a ledger that cannot append in `test_process.py`; here it
is a company's own detector that fails, installed as any package installs one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.promises.named import every_limit
from tests.gateway.promises.town import Town, town
from tests.gateway.promises.wire import Heard, exchange, request_of

_WORLD = every_limit(personal=frozenset()).world
_DETECTOR = """
class Failing:
    version = "failing 1"
    types = {}

    def detect(self, text):
        if "chaos" in text:
            raise RuntimeError(f"cannot read {text}")
        return ()
"""


@pytest.fixture
def _failing_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    about = site / "failing_detector-1.dist-info"
    about.mkdir(parents=True)
    (site / "failing_detector.py").write_text(_DETECTOR)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: failing-detector\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        "[befit.detectors]\nfailing = failing_detector:Failing\n"
    )
    monkeypatch.syspath_prepend(str(site))


@pytest.mark.usefixtures("_failing_detector")
@pytest.mark.parametrize("stream", [False, True])
async def test_a_detector_that_fails_makes_the_text_restricted(
    tmp_path: Path, stream: bool
) -> None:
    async with town(_WORLD, tmp_path / "ws") as found:
        calm = await _chat(found, "c-external", "hello", stream=stream)
        assert calm.status == 200
        for model in ("c-external", "e-cloud"):
            refused = await _chat(found, model, "chaos", stream=stream)
            assert refused.status == 403, refused
            assert b"restricted" in refused.body
        inside = await _chat(found, "workflow:own", "chaos", stream=stream)
        assert inside.status == 200
        decision = await found.operate("decisions.show", {"id": inside.decision_id})
    assert (decision["data_class"], decision["zone"]) in {
        ("restricted", "device"),
        ("restricted", "onprem"),
    }
    far = found.upstreams["c-external"].visits
    assert [b"chaos" in visit.request.body for visit in far] == [False]
    assert found.upstreams["e-cloud"].visits == []


@pytest.mark.usefixtures("_failing_detector")
async def test_the_same_holds_for_embeddings_and_runs(tmp_path: Path) -> None:
    async with town(_WORLD, tmp_path / "ws") as found:
        texts: dict[str, Any] = {"model": "h-vectors", "input": ["hello", "chaos"]}
        body = texts | {"befit": {"data_class": "public"}}
        assert (await _post(found, "/v1/embeddings", body)).status == 403
        run = {"input": "chaos", "data_class": "public"}
        assert (await _post(found, "/v1/workflows/low/runs", run)).status == 403
    assert all(not upstream.visits for upstream in found.upstreams.values())


async def _chat(found: Town, model: str, text: str, *, stream: bool) -> Heard:
    body = {
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "stream": stream,
        "befit": {"data_class": "public"},
    }
    return await _post(found, "/v1/chat/completions", body)


async def _post(found: Town, path: str, body: dict[str, Any]) -> Heard:
    request = request_of("POST", path, key=found.keys["plain"], body=json.dumps(body).encode())
    return await exchange(found.address, request)
