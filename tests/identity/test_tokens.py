"""Which bearer tokens are believed, and what is said to whoever brings another."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey, RSAKey

from befit.errors import NotAuthenticated
from befit.identity import Role, Subject, new_person
from befit.identity.token import MOST_CHARACTERS
from tests.identity.conftest import ISSUER, World

NOT_VALID = "the token is not valid; sign in again; the server's log has the reason"


async def refused(world: World, token: str) -> str:
    with pytest.raises(NotAuthenticated) as told:
        await world.authenticator().authenticate(token)
    return str(told.value)


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def test_a_good_token_is_its_holder(world: World) -> None:
    world.trusting(name_claim="email")
    token = world.provider.sign(world.claims(email="mara@example.test"))
    principal = await world.authenticator().authenticate(token)
    assert principal.id.startswith("oidc:")
    assert principal.id.endswith(":mara")
    assert principal.name == "mara@example.test (idp.example)"
    assert principal.roles == {Role.USER}
    assert principal.groups == {"everyone"}
    assert (principal.tenant, principal.key_id) == ("default", None)
    assert principal.spends_as == principal.id


async def test_a_group_of_a_token_is_the_same_however_its_letters_are_composed(
    world: World,
) -> None:
    whole, parted = "\u00c4rzte", "A\u0308rzte"
    world.trusting(groups={parted: parted}, roles={parted: Role.AUDITOR})
    principal = await world.authenticator().authenticate(
        world.provider.sign(world.claims(groups=[whole]))
    )
    assert principal.groups == {"everyone", whole}
    assert Role.AUDITOR in principal.roles


async def test_groups_and_roles_come_from_the_claims_that_are_mapped_and_from_no_other(
    world: World,
) -> None:
    world.trusting(
        groups_claim="realm.groups",
        groups={"g-17": "claims-desk", "g-18": "board"},
        roles={"g-17": Role.REVIEWER},
    )
    claims = world.claims(realm={"groups": ["g-17", "everyone", "admin", 7]}, roles=["admin"])
    principal = await world.authenticator().authenticate(world.provider.sign(claims))
    assert principal.groups == {"everyone", "claims-desk"}
    assert principal.roles == {Role.REVIEWER}


async def test_a_claim_named_like_a_url_is_read_by_its_whole_name(world: World) -> None:
    world.trusting(groups_claim="https://example.test/groups", groups={"a": "desk"})
    token = world.provider.sign(world.claims(**{"https://example.test/groups": "a"}))
    assert "desk" in (await world.authenticator().authenticate(token)).groups


async def test_a_subject_of_the_directory_is_that_person_whose_name_nobody_else_can_take(
    world: World,
) -> None:
    world.trusting(name_claim="name", roles={"leads": Role.REVIEWER})
    subjects = frozenset({Subject(ISSUER, "sub-1")})
    person = new_person(
        "mara",
        tenant="default",
        created_at=1.0,
        roles=frozenset({Role.AUDITOR}),
        subjects=subjects,
    )
    await world.people.add(person)
    await world.groups.join("default", "desk", person.id)
    authenticator = world.authenticator()
    hers = world.provider.sign(world.claims(sub="sub-1", groups=["leads"]))
    principal = await authenticator.authenticate(hers)
    assert (principal.id, principal.name) == (person.id, "mara")
    assert principal.roles == {Role.AUDITOR, Role.REVIEWER}
    assert principal.groups == {"everyone", "desk"}
    other = await authenticator.authenticate(
        world.provider.sign(world.claims(sub="sub-2", name="mara"))
    )
    assert other.id != person.id
    assert other.name != "mara"


async def test_a_removed_persons_token_is_refused_and_no_strangers(world: World) -> None:
    person = new_person(
        "mara", tenant="default", created_at=1.0, subjects=frozenset({Subject(ISSUER, "mara")})
    )
    await world.people.add(person)
    token = world.provider.sign(world.claims())
    assert (await world.authenticator().authenticate(token)).id == person.id
    await world.people.remove("default", person.id, at=2.0)
    assert "has been removed" in await refused(world, token)


@pytest.mark.parametrize("alg", ["RS256", "RS512", "PS256", "ES256", "EdDSA"])
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
async def test_every_asymmetric_algorithm_is_verified(
    world: World, alg: str, elliptic: ECKey, edwards: OKPKey
) -> None:
    world.provider.keys |= {"ec": elliptic, "ed": edwards}
    kid = {"E": "ec", "Ed": "ed"}.get(alg[:2] if alg == "EdDSA" else alg[0], "k1")
    token = world.provider.sign(world.claims(), kid=kid, alg=alg)
    assert (await world.authenticator().authenticate(token)).id.endswith(":mara")


async def test_a_forged_token_is_not_valid_and_only_the_log_says_why(
    world: World, rsa: RSAKey, other_rsa: RSAKey, elliptic: ECKey, caplog: pytest.LogCaptureFixture
) -> None:
    world.provider.keys["ec"] = elliptic
    good, claims = world.provider.sign(world.claims()), world.claims()
    head, body, signature = good.split(".")
    public_pem = rsa.as_pem(private=False)
    unsigned = f"{part({'alg': 'none', 'kid': 'k1'})}.{body}."
    by_mac = f"{part({'alg': 'HS256', 'kid': 'k1'})}.{body}"
    mac = hmac.new(public_pem, by_mac.encode(), hashlib.sha256).digest()
    named = {"alg": "RS256", "kid": "k1"}
    forged = {
        "wrong key": world.provider.sign(claims, key=other_rsa),
        "none": unsigned,
        "None": unsigned.replace(head, part({"alg": "None"})),
        "hmac by the public key": f"{by_mac}.{part(mac)}",
        "another issuer": world.provider.sign(world.claims(iss="https://else.example")),
        "an issuer written otherwise": world.provider.sign(world.claims(iss=f"{ISSUER}/")),
        "no issuer": world.provider.sign(world.claims(iss=None)),
        "unknown kid": world.provider.sign(claims, key=other_rsa, kid="k2"),
        "kid of another kind": world.provider.sign(claims, key=rsa, kid="ec"),
        "own key in the header": world.provider.sign(
            claims, key=other_rsa, jwk=other_rsa.as_dict(private=False)
        ),
        "key url in the header": world.provider.sign(
            claims, key=other_rsa, jku="https://evil.example/jwks"
        ),
        "critical extension": f"{part({**named, 'crit': ['x'], 'x': 1})}.{body}.{signature}",
        "unencoded payload": f"{part({**named, 'b64': False})}.{body}.{signature}",
        "a logout token": world.provider.sign(claims, typ="logout+jwt"),
        "changed claims": f"{head}.{part({**claims, 'sub': 'root'})}.{signature}",
        "cut signature": good[:-6],
        "no signature": f"{head}.{body}.",
        "padding": good + "==",
        "huge": f"{head}.{part({**claims, 'x': 'a' * MOST_CHARACTERS})}.{signature}",
        "deep": f"{head}.{part(b'[' * 9000)}.{signature}",
        "not json": f"{part(b'{')}.{body}.{signature}",
        "not utf-8": f"{part(bytes([255]) * 4)}.{body}.{signature}",
        "number as alg": f"{part({'alg': 1})}.{body}.{signature}",
        "not ascii": f"{head}é.{body}.{signature}",
        "empty": "..",
    }  # fmt: skip
    authenticator = world.authenticator()
    caplog.set_level(logging.INFO, "befit.identity")
    for what, token in forged.items():
        caplog.clear()
        with pytest.raises(NotAuthenticated) as told:
            await authenticator.authenticate(token)
        assert str(told.value) == NOT_VALID, what
        assert "a token is refused: " in caplog.text, what
        assert token[-40:] not in caplog.text or len(token) < 40, what
    assert not [url for url in world.provider.asked if not url.startswith(f"{ISSUER}/")]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"aud": "else"}, "another audience"),
        ({"aud": ["else", "other"]}, "another audience"),
        ({"aud": None}, "claims are wrong"),
        ({"exp": -61}, "has expired"),
        ({"exp": None}, "claims are wrong"),
        ({"exp": "soon"}, "claims are wrong"),
        ({"nbf": 61}, "not valid yet"),
        ({"iat": 61}, "not valid yet"),
        ({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}, "security event"),
        ({"events": []}, "security event"),
        ({"sub": None}, "claims are wrong"),
        ({"sub": ""}, "subject"),
        ({"sub": "a\u0000b"}, "subject"),
        ({"sub": "x" * 256}, "subject"),
    ],
)
async def test_who_holds_what_the_issuer_has_signed_learns_what_is_wrong_with_it(
    world: World, changes: dict[str, Any], told: str
) -> None:
    moved = {
        name: world.clock() + value if name in {"exp", "nbf", "iat"} and isinstance(value, int)
        else value
        for name, value in changes.items()
    }  # fmt: skip
    assert told in await refused(world, world.provider.sign(world.claims(**moved)))


@pytest.mark.parametrize(
    "typ", ["logout+jwt", "secevent+jwt", "dpop+jwt", "token-introspection+jwt", "JOSE", "", "x"]
)
async def test_a_token_of_another_type_lets_nobody_in(world: World, typ: str) -> None:
    assert await refused(world, world.provider.sign(world.claims(), typ=typ)) == NOT_VALID


@pytest.mark.parametrize("changes", [{"exp": -59}, {"nbf": 59}, {"iat": 59}])
async def test_clocks_may_differ_by_the_skew(world: World, changes: dict[str, int]) -> None:
    moved = {name: world.clock() + seconds for name, seconds in changes.items()}
    token = world.provider.sign(world.claims(**moved))
    assert (await world.authenticator().authenticate(token)).id.endswith(":mara")


async def test_an_algorithm_that_the_issuer_is_not_allowed_is_refused(
    world: World, elliptic: ECKey
) -> None:
    world.trusting(algorithms=frozenset({"ES256"}))
    world.provider.keys["ec"] = elliptic
    assert await refused(world, world.provider.sign(world.claims())) == NOT_VALID
    token = world.provider.sign(world.claims(), kid="ec", alg="ES256")
    assert (await world.authenticator().authenticate(token)).id.endswith(":mara")


async def test_without_issuers_no_token_is_valid_and_nobody_is_asked(world: World) -> None:
    token = world.provider.sign(world.claims())
    world.trust = type(world.trust)()
    assert await refused(world, token) == NOT_VALID
    assert world.provider.asked == []


async def test_a_known_token_is_verified_once_a_minute(world: World) -> None:
    authenticator = world.authenticator()
    token = world.provider.sign(world.claims())
    first = await authenticator.authenticate(token)
    world.clock.pass_(59)
    assert await authenticator.authenticate(token) is first
    world.clock.pass_(1)
    assert await authenticator.authenticate(token) is not first


async def test_a_remembered_token_ends_when_it_expires(world: World) -> None:
    authenticator = world.authenticator()
    token = world.provider.sign(world.claims(exp=world.clock() + 5))
    await authenticator.authenticate(token)
    world.clock.pass_(64)
    assert (await authenticator.authenticate(token)).id.endswith(":mara")
    world.clock.pass_(1)
    with pytest.raises(NotAuthenticated, match="expired"):
        await authenticator.authenticate(token)


@pytest.mark.parametrize("jump", [-7200.0, 7200.0])
async def test_a_clock_that_jumps_lets_no_remembered_token_live_longer(
    world: World, jump: float
) -> None:
    authenticator = world.authenticator()
    token = world.provider.sign(world.claims(exp=world.clock() + 5))
    await authenticator.authenticate(token)
    world.clock.jump(jump)
    world.clock.pass_(66)
    with pytest.raises(NotAuthenticated):
        await authenticator.authenticate(token)


async def test_what_is_remembered_is_not_the_token(world: World) -> None:
    authenticator = world.authenticator()
    token = world.provider.sign(world.claims())
    await authenticator.authenticate(token)
    kept = vars(vars(authenticator)["_tokens"])
    assert token.rpartition(".")[2] not in repr(kept)


async def test_made_up_tokens_fill_no_memory(world: World) -> None:
    authenticator = world.authenticator(capacity=4)
    head, body, _ = world.provider.sign(world.claims()).split(".")
    for number in range(30):
        with pytest.raises(NotAuthenticated):
            await authenticator.authenticate(f"{head}.{body}.{part(bytes([number]) * 256)}")
    kept = vars(vars(authenticator)["_tokens"]).values()
    assert all(len(memory) <= 4 for memory in kept if isinstance(memory, dict))


async def test_a_changed_word_of_trust_counts_for_the_next_request(world: World) -> None:
    authenticator = world.authenticator()
    token = world.provider.sign(world.claims())
    await authenticator.authenticate(token)
    epoch = authenticator.epoch
    world.trusting(audiences=frozenset({"another"}))
    with pytest.raises(NotAuthenticated, match="audience"):
        await authenticator.authenticate(token)
    assert authenticator.epoch > epoch


@settings(max_examples=300)
@given(data=st.data())
async def test_no_changed_token_is_believed(data: st.DataObject, token_world: World) -> None:
    token = token_world.provider.sign(token_world.claims())
    place = data.draw(st.integers(0, len(token) - 1))
    sign = data.draw(st.characters(min_codepoint=33, max_codepoint=126))
    changed = token[:place] + sign + token[place + 1 :]
    if changed == token:
        return
    with pytest.raises(NotAuthenticated):
        found = await token_world.authenticator().authenticate(changed)
        # The last sign of base64 carries spare bits: the very same signature, written otherwise.
        assert _same_bytes(changed, token), found
        raise NotAuthenticated("the same token")


def _same_bytes(one: str, other: str) -> bool:
    def decoded(text: str) -> list[bytes]:
        return [base64.urlsafe_b64decode(each + "==") for each in text.split(".")]

    return decoded(one) == decoded(other)


@pytest.fixture(scope="module")
def token_world(rsa: RSAKey) -> World:
    made = World()
    made.provider.keys["k1"] = rsa
    made.trusting()
    return made
