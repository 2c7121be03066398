"""Administrative events are listed in pages, shown and proved, for who may audit their tenant."""

from __future__ import annotations

import json

import pytest

from befit.errors import Conflict, Forbidden, InvalidRequest, NotFound
from tests.gateway.conftest import House


async def test_events_are_paged_newest_first_without_gap_or_repetition(house: House) -> None:
    for number in range(7):
        await house.operate("keys.create", {"name": f"k{number}"})
    every = (await house.operate("events.list", {"limit": 500}))["events"]
    assert len(every) >= 7
    assert [row["at"] for row in every] == sorted((row["at"] for row in every), reverse=True)
    paged, before = [], None
    while True:
        page = await house.operate("events.list", {"limit": 2, "before": before})
        paged += page["events"]
        before = page.get("next")
        if before is None:
            break
    assert paged == every


async def test_events_are_found_by_what_was_done_and_by_whom(house: House) -> None:
    made = await house.operate("keys.create", {"name": "found"})
    house.keys["auditor"] = await house.key("auditor", roles=["auditor"])
    async with house.http("auditor") as client:
        answer = await client.get("/v1/events?action=key_created&by=local:admin&limit=50&since=1h")
        assert answer.status_code == 200, answer.text
        rows = answer.json()["events"]
        assert {(row["action"], row["by"]) for row in rows} == {("key_created", "local:admin")}
        (row,) = [each for each in rows if each["subject"] == f"key:{made['id']}"]
        shown = (await client.get(f"/v1/events/{row['id']}")).json()
        assert {name: shown[name] for name in row} == row
        assert shown["told"]["name"] == "found"
        nothing = (await client.get("/v1/events?action=key_created&until=1")).json()
        assert nothing == {"events": []}
    async with house.http("user") as client:
        assert (await client.get("/v1/events")).status_code == 403
        assert (await client.get(f"/v1/events/{row['id']}")).status_code == 403


async def test_reading_events_makes_none(house: House) -> None:
    await house.operate("keys.create", {"name": "k"})
    before = await house.operate("events.list", {})
    await house.operate("events.show", {"id": before["events"][0]["id"]})
    assert await house.operate("events.list", {}) == before


async def test_a_decision_is_no_administrative_event(house: House) -> None:
    async with house.http("user") as client:
        body = {"model": "near", "messages": [{"role": "user", "content": "hi"}]}
        decision = (await client.post("/v1/chat/completions", json=body)).json()["befit"]
    with pytest.raises(NotFound, match="no administrative event"):
        await house.operate("events.show", {"id": decision["decision_id"]})
    with pytest.raises(InvalidRequest, match="names no event"):
        await house.operate("events.list", {"before": "admin_0"})


async def test_an_event_is_proved_to_who_may_audit_alone(house: House) -> None:
    await house.operate("keys.create", {"name": "k"})
    (row,) = (await house.operate("events.list", {"limit": 1}))["events"]
    proof = (await house.operate("audit.prove", {"id": row["id"]}))["proof"]
    (event,) = proof["events"]
    assert json.loads(event["leaf"])["type"] == "administrative"
    user = await house.platform.authenticator.authenticate(house.keys["user"])
    with pytest.raises(Forbidden):
        await house.operate_as(user, "audit.prove", {"id": row["id"]})


async def test_nobody_erases_themselves_or_who_is_unknown_and_no_event_says_so(
    house: House,
) -> None:
    admin = await house.platform.authenticator.authenticate(house.keys["admin"])
    before = await house.operate("events.list", {})
    with pytest.raises(Conflict, match="nobody erases themselves"):
        await house.operate_as(admin, "audit.erase", {"who": admin.id})
    with pytest.raises(Conflict, match="administrator of this machine"):
        await house.operate("audit.erase", {"who": "local:admin"})
    with pytest.raises(NotFound, match="nobody called 'nobody' is known"):
        await house.operate("audit.erase", {"who": "nobody"})
    assert await house.operate("events.list", {}) == before
