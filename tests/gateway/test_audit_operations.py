"""Reading, exporting and erasing what others asked: who may, and what the ledger says of it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import stat
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from befit.audit import KeyDestroyedError, NoteVerifier, Receipt, verify, verify_receipt
from befit.errors import BefitError, Conflict, LedgerUnavailable
from befit.gateway.operations.ledger.erasure import retain_all
from befit.storage.schema import EVENTS
from befit.testing import Reply
from befit.vocabulary import DataClass
from tests.gateway.conftest import House


async def administrative(house: House, action: str) -> list[dict[str, Any]]:
    """What the ledger's administrative events of an action say, oldest first."""
    await house.platform.projector.caught_up()
    query = select(EVENTS.c.decision_id).where(EVENTS.c.type == "administrative")
    query = query.order_by(EVENTS.c.at, EVENTS.c.position)
    database = house.platform.stores.usage._database  # type: ignore[attr-defined]
    ids = await database.read(lambda c: c.execute(query).scalars().all())
    events = [await house.platform.projector.events_of("default", each) for each in ids]
    told = [msgspec.json.decode(each.fields_json() or b"{}") for (each,) in events]
    return [each for each in told if each["action"] == action]


async def ask(house: House, who: str = "user", **options: Any) -> str:
    answer = await house.openai(who).chat.completions.create(
        model="near", messages=[{"role": "user", "content": "hello"}], **options
    )
    return str(answer.model_dump()["befit"]["decision_id"])


async def get(house: House, who: str, path: str) -> tuple[int, dict[str, Any]]:
    async with house.http(who) as client:
        response = await client.get(path)
        return response.status_code, response.json()


async def test_reading_ones_own_needs_no_leave_and_leaves_no_event(house: House) -> None:
    decision = await ask(house)
    assert (await get(house, "user", f"/v1/decisions/{decision}"))[0] == 200
    status, listed = await get(house, "user", "/v1/decisions")
    assert status == 200
    assert [row["decision_id"] for row in listed["decisions"]] == [decision]
    assert await administrative(house, "decision_read") == []
    assert await administrative(house, "decisions_searched") == []


async def test_reading_anothers_decision_is_an_event_that_says_who_and_which(house: House) -> None:
    decision = await ask(house)
    assert (await get(house, "admin", f"/v1/decisions/{decision}"))[0] == 200
    (told,) = await administrative(house, "decision_read")
    assert told["subject"] == decision
    assert told["by"].startswith("key:")


async def test_reading_anothers_run_is_an_event_and_reading_ones_own_is_none(house: House) -> None:
    house.near.script(Reply(text='{"colour": "mine alone"}'))
    async with house.http("user") as client:
        body = {"input": {"text": "my words"}}
        run = (await client.post("/v1/workflows/extract/runs", json=body)).json()
        refused = await client.post("/v1/workflows/extract/runs", json={**body, "model": "none"})
    assert (await get(house, "user", f"/v1/runs/{run['run_id']}"))[0] == 200
    assert await administrative(house, "decision_read") == []
    house.keys["auditor"] = await house.key("auditor", roles=["auditor"])
    status, shown = await get(house, "auditor", f"/v1/runs/{run['run_id']}")
    assert (status, shown["output"]) == (200, {"colour": "mine alone"})
    failed = refused.json()["error"]["decision_id"]
    await get(house, "auditor", f"/v1/runs/run_{failed.removeprefix('dec_')}")
    told = await administrative(house, "decision_read")
    assert [(each["subject"], each["as"]) for each in told] == [
        (run["decision_id"], "run"),
        (failed, "run"),
    ]


async def test_a_run_whose_reading_cannot_be_recorded_is_not_shown(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.near.script(Reply(text="red"))
    async with house.http("user") as client:
        run = (await client.post("/v1/workflows/triage/runs", json={"input": "x"})).json()

    async def cannot(drafts: object) -> None:
        raise LedgerUnavailable("the disk is full")

    monkeypatch.setattr(house.platform.ledger, "append", cannot)
    status, shown = await get(house, "admin", f"/v1/runs/{run['run_id']}")
    assert status == 503
    assert "red" not in str(shown)


async def test_what_was_proposed_is_read_by_its_reviewers_and_looking_it_up_later_is_an_event(
    house: House,
) -> None:
    async with house.http("user") as client:
        body = {"input": "weighty"}
        run = (await client.post("/v1/workflows/advice/runs", json=body)).json()
    path = f"/v1/approvals/{run['approval_id']}"
    assert (await get(house, "user", path))[1]["payload"] is None
    assert (await get(house, "other", path))[0] == 404
    assert (await get(house, "reviewer", path))[1]["payload"] is not None
    async with house.http("reviewer") as client:
        assert (await client.post(f"{path}/approve", json={})).status_code == 200
    assert await administrative(house, "decision_read") == []  # the decision tells of it
    assert (await get(house, "reviewer", path))[1]["payload"] is not None
    (told,) = await administrative(house, "decision_read")
    assert (told["subject"], told["as"]) == (run["decision_id"], "approval")
    await get(house, "reviewer", "/v1/approvals?status=all")
    (told,) = await administrative(house, "decisions_searched")
    assert (told["for"], told["count"]) == ("approvals", 1)


async def test_whom_policy_lets_decide_on_nothing_reads_nothing_proposed(
    house: House, tmp_path: Path
) -> None:
    (tmp_path / "ws" / "policies").mkdir()
    (tmp_path / "ws" / "policies" / "house.cedar").write_text(
        '@id("house/advice") forbid (principal, action == Action::"approve", '
        'resource == Workflow::"advice");'
    )
    assert not (await house.operate("reload", {}))["problems"]
    async with house.http("user") as client:
        body = {"input": "weighty"}
        run = (await client.post("/v1/workflows/advice/runs", json=body)).json()
    shown = await get(house, "reviewer", f"/v1/approvals/{run['approval_id']}")
    assert shown[1]["payload"] is None
    assert (await get(house, "reviewer", f"/v1/decisions/{run['decision_id']}"))[0] == 404


async def test_who_may_not_audit_learns_nothing_and_leaves_no_event(house: House) -> None:
    decision = await ask(house)
    other = await get(house, "other", f"/v1/decisions/{decision}")
    made_up = "dec_" + "0" * 31
    nothing = await get(house, "other", f"/v1/decisions/{made_up}")
    assert other[0] == nothing[0] == 404
    assert str(other[1]).replace(decision, made_up) == str(nothing[1])
    assert (await get(house, "other", "/v1/decisions"))[1]["decisions"] == []
    assert (await get(house, "other", "/v1/decisions?who=local:admin"))[0] == 403
    assert await administrative(house, "decisions_searched") == []


async def test_a_search_tells_its_query_and_count_and_names_persons_by_pseudonym(
    house: House,
) -> None:
    first, second = await ask(house), await ask(house)
    await ask(house, "other")
    record = await house.record(first)
    path = f"/v1/decisions?who={record.key_id}&model=near&since=1d&limit=1"
    status, page = await get(house, "admin", path)
    assert status == 200
    assert [row["decision_id"] for row in page["decisions"]] == [second]
    (told,) = await administrative(house, "decisions_searched")
    assert told["count"] == 1
    pseudonym = house.platform.erasure.pseudonym("default", str(record.principal_id))
    assert told["query"]["who"] == [pseudonym]
    assert told["query"]["model"] == "near"
    assert str(record.principal_id) not in str(told["query"])
    _, following = await get(house, "admin", f"{path}&before={page['next']}")
    assert [row["decision_id"] for row in following["decisions"]] == [first]
    _, last = await get(house, "admin", f"{path}&before={following['next']}")
    assert last == {"decisions": []}


async def test_nothing_is_shown_that_cannot_be_recorded(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = await ask(house)

    async def refusing(_: object) -> tuple[Receipt, ...]:
        raise LedgerUnavailable("the disk is full")

    monkeypatch.setattr(house.platform.ledger, "append", refusing)
    for path in (f"/v1/decisions/{decision}", "/v1/decisions"):
        status, body = await get(house, "admin", path)
        assert status == 503, path
        assert decision not in str(body)
    assert (await get(house, "user", f"/v1/decisions/{decision}"))[0] == 200


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "since=soon", "data_class=top", "x=1"])
async def test_a_query_that_cannot_be_read_is_refused(house: House, query: str) -> None:
    assert (await get(house, "admin", f"/v1/decisions?{query}"))[0] == 400


async def test_what_policy_refused_is_found_as_denied(house: House) -> None:
    await ask(house)
    async with house.http() as client:
        refused = await client.post(
            "/v1/chat/completions",
            json={
                "model": "far",
                "messages": [{"role": "user", "content": "x"}],
                "befit": {"data_class": "restricted"},
            },
        )
    assert refused.status_code == 403
    found = await house.operate("decisions.list", {"denied": True})
    assert [row["status"] for row in found["decisions"]] == ["refused"]


@pytest.mark.parametrize("name", ["out", "out.jsonl"])
async def test_an_export_holds_what_proves_each_event(
    house: House, tmp_path: Path, name: str
) -> None:
    decisions = {await ask(house) for _ in range(3)}
    out = tmp_path / name
    document = await house.operate("audit.export", {"out": str(out), "since": "1d"})
    lines = out if name.endswith(".jsonl") else out / "decisions.jsonl"
    beside = tmp_path / "out.jsonl.manifest.json"
    manifest = json.loads((beside if lines == out else out / "manifest.json").read_text())
    assert manifest == document
    assert (manifest["decisions"], manifest["events"]) == (3, 12)
    assert hashlib.sha256(lines.read_bytes()).hexdigest() == manifest["sha256"]
    assert stat.S_IMODE(lines.stat().st_mode) == 0o600
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    assert {row["decision_id"] for row in rows} == decisions
    key = NoteVerifier.from_text(manifest["public_keys"][-1])
    for event in (event for row in rows for event in row["events"]):
        receipt = msgspec.convert(event["receipt"], Receipt)
        leaf = verify_receipt(receipt, key)
        for section in ("caller", "account"):
            salt = base64.b64decode(event[section]["salt"])
            opened = salt + section.encode() + event[section]["json"].encode()
            committed = base64.b64encode(hashlib.sha256(opened).digest()).decode()
            assert committed == getattr(leaf, section)
    (told,) = await administrative(house, "exported")
    assert (told["count"], told["sha256"]) == (3, manifest["sha256"])
    assert [path.name for path in tmp_path.glob(".out*")] == []


async def test_an_export_replaces_nothing_and_leaves_nothing_behind_when_it_fails(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(house)
    (tmp_path / "taken").mkdir()
    with pytest.raises(Conflict, match="there already"):
        await house.operate("audit.export", {"out": str(tmp_path / "taken")})
    with pytest.raises(BefitError, match="cannot be written"):
        await house.operate("audit.export", {"out": str(tmp_path / "none" / "out")})

    async def refusing(_: object) -> tuple[Receipt, ...]:
        raise LedgerUnavailable("the disk is full")

    monkeypatch.setattr(house.platform.ledger, "append", refusing)
    with pytest.raises(LedgerUnavailable):
        await house.operate("audit.export", {"out": str(tmp_path / "out")})
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.glob(".out*")] == []


async def test_a_person_is_erased_once_their_key_is_revoked(house: House, tmp_path: Path) -> None:
    decision, kept = await ask(house), await ask(house, "other")
    record = await house.record(decision)
    who = {"who": str(record.principal_id)}
    with pytest.raises(Conflict, match="still works"):
        await house.operate("audit.erase", who)
    await house.operate("keys.revoke", {"id": record.key_id})
    erased = await house.operate("audit.erase", who)
    assert len(erased["keys"]) == 2
    gone = await house.record(decision)
    assert (gone.principal_id, gone.erased_events, gone.status) == (None, 4, "closed")
    assert (await house.record(kept)).erased_events == 0
    listed = {row["decision_id"]: row for row in await house.decisions()}
    assert (listed[decision]["principal_id"], listed[decision]["key_id"]) == (None, None)
    assert listed[decision]["model"] == "near"
    (told,) = await administrative(house, "keys_destroyed")
    assert str(record.principal_id) not in str(told)
    befit = house.platform.workspace.befit_dir
    live = house.platform.ledger.durable_sizes()
    report = await asyncio.to_thread(verify, befit, live=live)
    assert report.ok, report.problems
    assert report.erased == 4
    manifest = await house.operate("audit.export", {"out": str(tmp_path / "out")})
    assert manifest["erased_events"] == 4
    again = await house.operate("audit.erase", who)
    assert (again["keys"], again["rows"]) == ([], 0)


async def test_an_answer_that_waits_for_a_person_holds_an_erasure_back(house: House) -> None:
    async with house.http() as client:
        asked = await client.post("/v1/workflows/advice/runs", json={"input": "shall I?"})
    assert asked.json()["status"] == "pending_person"
    record = await house.record(asked.json()["decision_id"])
    await house.operate("keys.revoke", {"id": record.key_id})
    who = {"who": str(record.principal_id)}
    with pytest.raises(Conflict, match="wait for a person"):
        await house.operate("audit.erase", who)
    (approval,) = (await house.operate("approvals.list", {}))["approvals"]
    await house.operate("approvals.approve", {"id": approval["id"]})
    await house.operate("audit.erase", who)
    shown = await house.operate("approvals.show", {"id": approval["id"]})
    assert (shown["payload"], shown["requester"]) == (None, "erased")


@pytest.mark.parametrize("operation", ["audit.erase", "audit.retain", "audit.export"])
@pytest.mark.parametrize("who", ["user", "other", "reviewer"])
async def test_who_may_not_administer_erases_and_exports_nothing(
    house: House, tmp_path: Path, operation: str, who: str
) -> None:
    given = {"audit.erase": {"who": "x"}, "audit.export": {"out": str(tmp_path / "out")}}
    principal = await house.platform.authenticator.authenticate(house.keys[who])
    with pytest.raises(BefitError) as caught:
        await house.operate_as(principal, operation, given.get(operation, {}))
    assert caught.value.code == "forbidden"
    assert not (tmp_path / "out").exists()


async def test_retention_follows_the_settings(build: Any) -> None:
    more = "audit:\n  retention: {public: 90d, internal: 1y, undetermined: 7y}\n"
    async with build(more=more) as house:
        await ask(house)
        document = await house.operate("audit.retain", {"dry_run": True})
        assert document["kept_days"] == {"public": 90, "internal": 365, "undetermined": 2555}
        assert document["due"] == []
        assert (await house.operate("audit.retain", {}))["records"] == []


async def test_what_has_been_kept_long_enough_goes_by_itself(build: Any) -> None:
    more = "audit:\n  retention: {internal: 90d}\n"
    async with build(more=more) as house:
        decision = await ask(house)
        house.platform.erasure._clock = lambda: time.time() + 150 * 86_400
        assert await retain_all(house.platform, "system:retention") == 1
        record = await house.record(decision)
        assert record.principal_id is not None  # told before the class was known
        assert (record.erased_events, record.model) == (3, None)
        (told,) = await administrative(house, "keys_destroyed")
        assert (told["by"], told["reason"]) == ("system:retention", "retention")
        assert await retain_all(house.platform, "system:retention") == 0


async def test_an_answer_that_waits_for_a_person_outlasts_its_retention(build: Any) -> None:
    async with build(more="audit:\n  retention: {public: 1d}\n") as house:
        async with house.http() as client:
            asked = await client.post("/v1/workflows/advice/runs", json={"input": "shall I?"})
        run = asked.json()
        assert run["status"] == "pending_person"
        house.platform.erasure._clock = lambda: time.time() + 150 * 86_400
        assert (await house.operate("audit.retain", {"dry_run": True}))["due"] == []
        assert await retain_all(house.platform, "system:retention") == 0
        path = f"/v1/approvals/{run['approval_id']}"
        assert (await get(house, "reviewer", path))[1]["payload"] is not None
        await house.operate("approvals.approve", {"id": run["approval_id"]})
        record = await house.record(run["decision_id"])
        assert (record.status, record.erased_events) == ("answered", 0)
        assert await retain_all(house.platform, "system:retention") == 1
        assert (await house.record(run["decision_id"])).erased_events > 0


async def test_a_tenant_that_is_no_longer_named_is_still_visited(build: Any) -> None:
    kept = "audit:\n  retention: {internal: 90d}\n"
    async with build(more=f"identity: {{tenants: [north]}}\n{kept}") as house:
        sealer = house.platform.tables._sealer
        box = sealer.seal("north", "run", b"x", subject="key:a", data_class=DataClass.INTERNAL)
    async with build(more=kept) as house:
        assert "north" not in house.platform.settings.identity.tenants
        sealer = house.platform.tables._sealer
        assert sealer.open("north", "run", box) == b"x"
        house.platform.erasure._clock = lambda: time.time() + 150 * 86_400
        assert await retain_all(house.platform, "system:retention") == 1
        with pytest.raises(KeyDestroyedError):
            sealer.open("north", "run", box)
        befit, live = house.platform.workspace.befit_dir, house.platform.ledger.durable_sizes()
        report = await asyncio.to_thread(verify, befit, live=live)
        assert report.ok, report.problems


async def test_denied_finds_what_policy_refused_and_no_other_refusal(house: House) -> None:
    """A model that is not good enough, or that a person must not be passed by, is no denial."""
    flows = house.platform.workspace.root / "workflows"
    (flows / "proof.yaml").write_text(
        "description: Prove it.\ndata_class: public\nrequirements: {able: [prove]}\n"
    )
    assert (await house.platform.shelf.reload()).changed
    asked = (
        ("far", {"data_class": "restricted"}, "forbidden"),
        ("workflow:proof", {}, "no_fit_model"),
        ("near", {"workflow": "advice"}, "person_required"),
    )
    decisions: list[str] = []
    async with house.http("user") as http:
        for model, befit, code in asked:
            body = {"model": model, "messages": [{"role": "user", "content": "x"}], "befit": befit}
            answer = await http.post("/v1/chat/completions", json=body)
            error = answer.json()["error"]
            assert (answer.status_code, error["code"]) == (403, code)
            assert error["type"] == "permission_error"
            decisions.append(error["decision_id"])
        listed = (await http.get("/v1/decisions", params={"denied": "true"})).json()["decisions"]
        assert [each["decision_id"] for each in listed] == decisions[:1]
