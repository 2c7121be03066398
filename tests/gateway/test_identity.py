"""Keys, people and groups through the gateway: who keeps them, and how soon they count."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from befit.errors import Conflict, InvalidRequest, LedgerUnavailable, NotFound
from befit.identity import Person
from befit.testing import Reply
from tests.gateway.conftest import Build, House
from tests.identity.test_provider import CLIENT, RunningProvider

CHAT = {"model": "near", "messages": [{"role": "user", "content": "hi"}]}


async def status(house: House, bearer: str) -> int:
    headers = {"authorization": f"Bearer {bearer}"}
    async with httpx.AsyncClient(base_url=house.url, headers=headers) as http:
        house.near.script(Reply(text="yes"))
        return (await http.post("/v1/chat/completions", json=CHAT)).status_code


async def administrative(house: House) -> list[dict[str, Any]]:
    """The opened fields of every administrative event, oldest first."""
    ledger = house.platform.workspace.befit_dir / "ledger"
    texts = await asyncio.to_thread(
        lambda: [path.read_text() for path in sorted(ledger.glob("*.log"))]
    )
    lines = [json.loads(line) for text in texts for line in text.splitlines() if line[:1] == "{"]
    ids = [leaf["decision"] for leaf in lines if leaf.get("type") == "administrative"]
    found: list[dict[str, Any]] = []
    for event_id in ids:
        (event,) = await house.platform.projector.events_of("default", event_id)
        assert event.fields is not None
        found.append({name: json.loads(bytes(raw)) for name, raw in event.fields.items()})
    return found


async def test_a_persons_key_stops_and_starts_with_the_person(house: House) -> None:
    await house.operate("people.add", {"name": "mara"})
    key = await house.key("laptop", person="mara")
    assert await status(house, key) == 200
    await house.operate("people.set", {"who": "mara", "disabled": True})
    assert await status(house, key) == 401
    await house.operate("people.set", {"who": "mara", "disabled": False})
    assert await status(house, key) == 200
    await house.operate("people.remove", {"who": "mara"})
    assert await status(house, key) == 401
    listed = (await house.operate("keys.list", {}))["keys"]
    (hers,) = [each for each in listed if each["name"] == "laptop"]
    assert hers["revoked_at"] is not None


async def test_a_decision_names_the_person_whichever_credential_they_came_with(
    house: House,
) -> None:
    person = await house.operate("people.add", {"name": "mara"})
    for name in ("laptop", "desk"):
        assert await status(house, await house.key(name, person="mara")) == 200
    decisions = (await house.operate("decisions.list", {}))["decisions"]
    assert [each["principal_id"] for each in decisions] == [person["id"]] * 2
    assert len({each["key_id"] for each in decisions}) == 2


async def test_changing_a_role_counts_for_the_next_request(house: House) -> None:
    await house.operate("people.add", {"name": "mara", "roles": ["user", "admin"]})
    key = await house.key("laptop", person="mara", roles=["user", "admin"])
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=house.url, headers=headers) as http:
        assert (await http.get("/v1/keys")).status_code == 200
        await house.operate("people.set", {"who": "mara", "roles": ["user"]})
        refused = await http.get("/v1/keys")
    assert refused.status_code == 403
    assert "admin" in refused.text


@pytest.mark.parametrize(
    ("params", "error", "told"),
    [
        ({"person": "mra"}, NotFound, "did you mean 'mara'?"),
        ({"person": "mara", "roles": ["admin"]}, InvalidRequest, "has not the role admin"),
        ({"person": "mara", "groups": ["desk"]}, InvalidRequest, "carries the person's groups"),
        ({"person": "gone"}, Conflict, "is disabled"),
        ({"groups": ["dsk"]}, NotFound, "did you mean 'desk'?"),
        ({"workflows": ["triag"]}, NotFound, "did you mean 'triage'?"),
        ({"roles": ["root"]}, InvalidRequest, "root"),
        ({"expires_in_s": -1}, InvalidRequest, "expire"),
    ],
)
async def test_a_key_that_cannot_be_is_refused_with_the_reason(
    house: House, params: dict[str, Any], error: type[Exception], told: str
) -> None:
    await house.operate("people.add", {"name": "mara"})
    await house.operate("people.add", {"name": "gone"})
    await house.operate("people.set", {"who": "gone", "disabled": True})
    await house.operate("groups.add", {"name": "desk"})
    before = await house.operate("keys.list", {})
    with pytest.raises(error, match=told):
        await house.operate("keys.create", {"name": "k", **params})
    assert await house.operate("keys.list", {}) == before


async def test_a_service_is_in_the_groups_that_its_key_was_made_with(house: House) -> None:
    await house.operate("groups.add", {"name": "batch"})
    made = await house.operate("keys.create", {"name": "svc", "groups": ["batch"]})
    principal = await house.platform.authenticator.authenticate(made["key"])
    assert principal.groups == {"everyone", "batch"}
    members = (await house.operate("groups.show", {"name": "batch"}))["members"]
    assert members == [{"id": f"key:{made['id']}", "name": None}]
    member = {"name": "batch", "member": f"key:{made['id']}"}
    await house.operate("groups.remove_member", member)
    assert (await house.platform.authenticator.authenticate(made["key"])).groups == {"everyone"}


@pytest.mark.parametrize("member", ["nobody", "key:NOSUCHKEY234", "oidc:abc:mara", "person:X"])
async def test_who_is_nobody_cannot_be_a_member(house: House, member: str) -> None:
    await house.operate("groups.add", {"name": "desk"})
    with pytest.raises(NotFound):
        await house.operate("groups.add_member", {"name": "desk", "member": member})


async def test_a_subject_of_an_issuer_that_is_not_believed_is_refused(house: House) -> None:
    subjects = [{"issuer": "https://idp.example", "sub": "1"}]
    with pytest.raises(InvalidRequest, match=r"identity\.issuers"):
        await house.operate("people.add", {"name": "mara", "subjects": subjects})


async def test_every_change_is_in_the_ledger_with_who_made_it_and_no_name_of_a_person(
    house: House,
) -> None:
    before = len(await administrative(house))
    person = await house.operate("people.add", {"name": "mara"})
    await house.operate("groups.add", {"name": "desk"})
    await house.operate("groups.add_member", {"name": "desk", "member": "mara"})
    await house.operate("groups.remove_member", {"name": "desk", "member": "mara"})
    await house.operate("groups.remove", {"name": "desk"})
    await house.operate("people.set", {"who": "mara", "email": "mara@example.test"})
    await house.operate("people.remove", {"who": "mara"})
    events = (await administrative(house))[before:]
    assert [(event["action"], event["subject"]) for event in events] == [
        ("person_added", person["id"]),
        ("group_added", "group:desk"),
        ("group_joined", "group:desk"),
        ("group_left", "group:desk"),
        ("group_removed", "group:desk"),
        ("person_changed", person["id"]),
        ("person_removed", person["id"]),
    ]
    assert {event["by"] for event in events} == {"local:admin"}
    assert events[2]["member"] == person["id"]
    assert "mara" not in json.dumps(events)


async def test_what_cannot_be_recorded_is_not_done(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cannot(drafts: object) -> None:
        raise LedgerUnavailable("the disk is full")

    monkeypatch.setattr(house.platform.ledger, "append", cannot)
    for name, params in (
        ("people.add", {"name": "mara"}),
        ("groups.add", {"name": "desk"}),
        ("keys.create", {"name": "k"}),
    ):
        with pytest.raises(LedgerUnavailable):
            await house.operate(name, params)
    monkeypatch.undo()
    assert (await house.operate("people.list", {}))["people"] == []
    assert (await house.operate("groups.list", {}))["groups"] == []
    assert "k" not in {key["name"] for key in (await house.operate("keys.list", {}))["keys"]}


async def test_a_change_counts_also_where_its_caller_went_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.operate("people.add", {"name": "mara"})
    key = await house.key("laptop", person="mara")
    assert await status(house, key) == 200
    people, reached, go = house.platform.stores.people, asyncio.Event(), asyncio.Event()
    change = people.change

    async def slow(person: Person) -> None:
        reached.set()
        await go.wait()
        await change(person)

    monkeypatch.setattr(people, "change", slow)
    disabling = asyncio.create_task(house.operate("people.set", {"who": "mara", "disabled": True}))
    await reached.wait()
    disabling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await disabling
    go.set()
    while not (await house.operate("people.show", {"who": "mara"}))["disabled_at"]:
        await asyncio.sleep(0.01)
    assert await status(house, key) == 401


ENDPOINTS = [
    ("GET", "/v1/keys", None),
    ("POST", "/v1/keys", {"name": "k"}),
    ("DELETE", "/v1/keys/NOSUCHKEY234", None),
    ("GET", "/v1/people", None),
    ("POST", "/v1/people", {"name": "jo"}),
    ("GET", "/v1/people/mara", None),
    ("POST", "/v1/people/mara", {"disabled": True}),
    ("DELETE", "/v1/people/mara", None),
    ("GET", "/v1/groups", None),
    ("POST", "/v1/groups", {"name": "g"}),
    ("GET", "/v1/groups/desk", None),
    ("DELETE", "/v1/groups/desk", None),
    ("POST", "/v1/groups/desk/members", {"member": "mara"}),
    ("DELETE", "/v1/groups/desk/members/mara", None),
]


@pytest.mark.parametrize("role", ["user", "builder", "reviewer", "auditor"])
async def test_only_administrators_keep_keys_people_and_groups(house: House, role: str) -> None:
    await house.operate("people.add", {"name": "mara"})
    await house.operate("groups.add", {"name": "desk"})
    house.keys["them"] = await house.key("them", roles=[role])
    async with house.http("them") as http:
        for method, path, body in ENDPOINTS:
            answer = await http.request(method, path, json=body)
            assert answer.status_code == 403, (method, path, answer.text)
    assert (await house.operate("people.show", {"who": "mara"}))["disabled_at"] is None


async def test_an_administrator_keeps_them_over_http(house: House) -> None:
    async with house.http("admin") as http:
        person = (await http.post("/v1/people", json={"name": "mara"})).json()
        assert (await http.post("/v1/groups", json={"name": "desk"})).status_code == 200
        joined = await http.post("/v1/groups/desk/members", json={"member": person["id"]})
        assert joined.json()["members"] == [{"id": person["id"], "name": "mara"}]
        made = (await http.post("/v1/keys", json={"name": "laptop", "person": "mara"})).json()
        assert made["person"] == "mara"
        assert await status(house, made["key"]) == 200
        assert (await http.get(f"/v1/people/{person['id']}")).json()["groups"] == ["desk"]
        left = await http.delete(f"/v1/groups/desk/members/{person['id']}")
        assert left.json()["members"] == []
        assert (await http.delete(f"/v1/keys/{made['id']}")).status_code == 200
        assert await status(house, made["key"]) == 401
        assert (await http.delete("/v1/groups/desk")).status_code == 200
        assert (await http.delete("/v1/people/mara")).status_code == 200
        assert (await http.get("/v1/people")).json() == {"people": []}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProvider]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    running = RunningProvider(port, tmp_path_factory.mktemp("provider") / "log")
    running.users["mara"] = {"groups": ["g-17"]}
    running.start()
    yield running
    running.stop()


async def test_a_token_of_a_real_provider_opens_the_gateway_and_the_file_decides_how_long(
    build: Build, provider: RunningProvider
) -> None:
    issuer = f"{{issuer: '{provider.url}', audience: {CLIENT}, groups: {{g-17: claims-desk}}}}"
    async with build(more=f"identity: {{issuers: [{issuer}]}}\n") as house:
        token = provider.sign_in("mara")
        assert await status(house, token) == 200
        (decision,) = (await house.operate("decisions.list", {}))["decisions"]
        assert decision["principal_id"].startswith("oidc:")
        assert decision["key_id"] is None
        principal = await house.platform.authenticator.authenticate(token)
        assert principal.groups == {"everyone", "claims-desk"}
        # The directory may know who that is; from then on it is that person.
        subject = {"issuer": provider.url, "sub": "mara"}
        person = await house.operate("people.add", {"name": "mara", "subjects": [subject]})
        assert (await house.platform.authenticator.authenticate(token)).id == person["id"]
        forger = RSAKey.generate_key(2048)
        claims = {"iss": provider.url, "aud": CLIENT, "sub": "mara", "exp": 9_999_999_999}
        assert await status(house, jwt.encode({"alg": "RS256"}, claims, forger)) == 401
        # An issuer that the file names no more is believed no more, from the next request on.
        config = house.platform.workspace.config_file
        config.write_text(config.read_text().replace(CLIENT, "another"))
        await house.operate("reload", {})
        assert await status(house, token) == 401


async def test_who_was_removed_stays_out_until_an_administrator_adds_them_again(
    build: Build, provider: RunningProvider
) -> None:
    issuer = f"{{issuer: '{provider.url}', audience: {CLIENT}}}"
    async with build(more=f"identity: {{issuers: [{issuer}]}}\n") as house:
        token, subjects = provider.sign_in("mara"), [{"issuer": provider.url, "sub": "mara"}]
        await house.operate("people.add", {"name": "mara", "subjects": subjects})
        assert await status(house, token) == 200
        await house.operate("people.set", {"who": "mara", "disabled": True})
        with pytest.raises(Conflict, match="let in as a stranger"):
            await house.operate("people.set", {"who": "mara", "subjects": []})
        assert await status(house, token) == 401
        await house.operate("people.remove", {"who": "mara"})
        assert await status(house, token) == 401
        assert await status(house, provider.sign_in("mara")) == 401
        assert await status(house, provider.sign_in("jo")) == 200
        person = await house.operate("people.add", {"name": "mara", "subjects": subjects})
        assert await status(house, token) == 200
        assert (await house.platform.authenticator.authenticate(token)).id == person["id"]


async def test_a_holder_of_a_token_is_bound_by_the_budget_of_keys(
    build: Build, provider: RunningProvider
) -> None:
    more = f"""
identity: {{issuers: [{{issuer: '{provider.url}', audience: {CLIENT}}}]}}
budgets: {{keys: {{usd: "0.000001"}}}}
"""
    async with build(more=more) as house:
        assert await status(house, provider.sign_in(f"jo-{secrets.token_hex(4)}")) == 429


async def test_a_new_tenant_needs_a_new_start_and_is_told_so(house: House) -> None:
    config = house.platform.workspace.config_file
    config.write_text(config.read_text() + "\nidentity: {tenants: [north]}\n")
    told = await house.operate("reload", {})
    assert told["changed"] is False
    assert "a new tenant 'north'" in told["problems"][0]
    assert house.platform.settings.identity.tenants == ("default",)
