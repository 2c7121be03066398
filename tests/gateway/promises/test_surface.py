"""The same over every endpoint there is: a new one fails here until it is in `SURFACE`."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from befit.audit import verify
from befit.gateway.app import GatewayApp
from befit.gateway.background import Background
from befit.gateway.catalog_watch import CatalogWatch
from befit.gateway.limits import Limits
from befit.gateway.metrics import Metrics
from befit.gateway.routes import ReadyEndpoint
from tests.gateway.promises.account import Account
from tests.gateway.promises.named import every_limit
from tests.gateway.promises.surface import SURFACE, Leaves, path_of
from tests.gateway.promises.town import Town, town
from tests.gateway.promises.wire import Heard, exchange, request_of

_WORLD = every_limit().world
_KEYED = [key for key, leaves in SURFACE.items() if leaves is not Leaves.PROBE]
_PATHS = ["nothing", "%00", "..%2f..", "dec_" + "0" * 31, "a" * 3000]
_GARBAGE = st.one_of(
    st.sampled_from(
        [b"", b"{}", b"[]", b"null", b"\x00", b"\xff\xfe", b'{"a":1,"a":2}', b"[" * 500, b"{" * 500]
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode()),
)


async def test_every_endpoint_is_told_in_the_surface(tmp_path: Path) -> None:
    async with town(_WORLD, tmp_path) as found:
        limits, metrics = Limits(), Metrics()
        ready = ReadyEndpoint(found.platform, CatalogWatch(found.platform), Background())
        app = GatewayApp(found.platform, ready, limits=limits, metrics=metrics)
    declared = set(app.endpoints)
    assert declared - set(SURFACE) == set(), "say in surface.py what each new endpoint leaves"
    assert set(SURFACE) - declared == set(), "these are gone"


async def test_every_endpoint_but_the_probes_needs_a_key(tmp_path: Path) -> None:
    async with town(_WORLD, tmp_path) as found:
        for at in _KEYED:
            for key in ("befit_nobody", "", "x" * 5000, "befit_" + "2" * 12 + "_" + "a" * 43):
                heard = await _send(found, at, key=key, body=b"{}")
                assert heard.status == 401, (at, key[:20], heard)
        assert await _nothing_happened(found)


@settings(max_examples=5, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_body_and_no_path_makes_the_gateway_fail_or_call(data: st.DataObject) -> None:
    sent = [
        (key, data.draw(st.sampled_from(["plain", "admin"])), data.draw(_GARBAGE))
        for key in SURFACE
    ]
    filled = data.draw(st.sampled_from(_PATHS))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_sent(Path(folder), sent, filled))


async def _sent(folder: Path, sent: list[tuple[tuple[str, str], str, bytes]], filled: str) -> None:
    expected = 0
    async with town(_WORLD, folder) as found:
        for at, who, body in sent:
            heard = await _send(found, at, key=found.keys[who], body=body, filled=filled)
            assert heard.status is not None, (at, body)
            assert heard.status < 500 or at[1] == "/readyz", (at, body, heard)
            expected += heard.decision_id is not None
        for upstream in found.upstreams.values():
            assert upstream.visits == []
        assert (await _send(found, ("GET", "/healthz"), key="")).status == 200
    report = verify(folder / ".befit")
    assert report.ok, report.problems
    assert len(Account.read(folder / ".befit").decisions) == expected


async def _send(
    found: Town, at: tuple[str, str], *, key: str, body: bytes = b"", filled: str = "nothing"
) -> Heard:
    method, template = at
    given = body if method == "POST" else b""
    request = request_of(method, path_of(template, filled=filled), key=key, body=given)
    return await exchange(found.address, request)


async def _nothing_happened(found: Town) -> bool:
    listed = await found.operate("decisions.list", {"limit": 5})
    return not listed["decisions"] and not any(
        upstream.visits for upstream in found.upstreams.values()
    )
