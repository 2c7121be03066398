"""An identity provider's keys: fetched, kept while it is down, renewed when they rotate."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Iterator

import pytest
from joserfc.jwk import ECKey, RSAKey

from befit.errors import NotAuthenticated
from befit.identity.document_fetch import FetchFailedError, fetch_document
from befit.identity.issuer_keys import FRESH_S, KEPT_S, RETRY_S
from tests.identity.conftest import ISSUER, World

KEYS_URL = f"{ISSUER}/jwks"


async def accepted(world: World, authenticator: object, **header: object) -> bool:
    token = world.provider.sign(world.claims(jti=str(world.clock.monotonic_s)), **header)  # type: ignore[arg-type]
    try:
        await authenticator.authenticate(token)  # type: ignore[attr-defined]
    except NotAuthenticated:
        return False
    return True


async def test_keys_are_fetched_once_for_many_tokens(world: World) -> None:
    authenticator = world.authenticator()
    tokens = [world.provider.sign(world.claims(jti=number)) for number in range(20)]
    await asyncio.gather(*(authenticator.authenticate(token) for token in tokens))
    assert world.provider.asked.count(KEYS_URL) == 1


async def test_a_rotated_key_is_taken_up_by_the_first_token_that_names_it(
    world: World, other_rsa: RSAKey
) -> None:
    authenticator = world.authenticator()
    assert await accepted(world, authenticator)
    world.provider.keys = {"k2": other_rsa}
    world.clock.pass_(RETRY_S)
    assert await accepted(world, authenticator, kid="k2")


async def test_a_key_that_is_gone_signs_nothing_any_more(
    world: World, rsa: RSAKey, other_rsa: RSAKey
) -> None:
    authenticator = world.authenticator()
    await accepted(world, authenticator)
    world.provider.keys = {"k2": other_rsa}
    world.clock.pass_(FRESH_S + 1)
    assert await accepted(world, authenticator, kid="k1", key=rsa)  # and renews beside it
    for _ in range(50):
        await asyncio.sleep(0.001)
    world.clock.pass_(1)
    assert not await accepted(world, authenticator, kid="k1", key=rsa)


async def test_unknown_keys_cause_no_more_than_one_fetch_in_ten_seconds(
    world: World, other_rsa: RSAKey
) -> None:
    authenticator = world.authenticator()
    await accepted(world, authenticator)
    for number in range(50):
        assert not await accepted(world, authenticator, kid=f"x{number}", key=other_rsa)
    world.clock.pass_(RETRY_S)
    for number in range(50):
        assert not await accepted(world, authenticator, kid=f"x{number}", key=other_rsa)
    assert world.provider.asked.count(KEYS_URL) == 2


async def test_while_the_provider_is_down_its_last_keys_stand_and_then_no_longer(
    world: World,
) -> None:
    authenticator = world.authenticator()
    await accepted(world, authenticator)
    world.provider.is_down = True
    world.clock.pass_(KEPT_S - 1)
    assert await accepted(world, authenticator)
    world.clock.pass_(RETRY_S)
    assert not await accepted(world, authenticator)
    world.provider.is_down = False
    world.clock.pass_(RETRY_S)
    assert await accepted(world, authenticator)


async def test_a_provider_that_is_down_at_first_is_asked_again(world: World) -> None:
    world.provider.is_down = True
    authenticator = world.authenticator()
    assert not await accepted(world, authenticator)
    world.provider.is_down = False
    assert not await accepted(world, authenticator)
    world.clock.pass_(RETRY_S)
    assert await accepted(world, authenticator)


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://else.example"},
        {"jwks_uri": "https://else.example/jwks"},
        {"jwks_uri": "http://idp.example/jwks"},
        {"jwks_uri": "https://idp.example:8443/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": 7},
    ],
)
async def test_a_discovery_document_leads_to_no_other_host(
    world: World, discovery: dict[str, object]
) -> None:
    world.provider.discovery = discovery
    assert not await accepted(world, world.authenticator())
    assert world.provider.asked == [f"{ISSUER}/.well-known/openid-configuration"]


async def test_keys_elsewhere_are_asked_for_where_the_file_says_so(world: World) -> None:
    world.trusting(jwks_uri="https://keys.example/all")
    assert await accepted(world, world.authenticator())
    assert world.provider.asked == ["https://keys.example/all"]


async def test_a_token_without_a_key_id_needs_a_set_that_leaves_no_choice(
    world: World, other_rsa: RSAKey, elliptic: ECKey
) -> None:
    assert await accepted(world, world.authenticator(), kid=None)
    world.provider.keys["ec"] = elliptic
    assert await accepted(world, world.authenticator(), kid=None)
    world.provider.keys["k2"] = other_rsa
    assert not await accepted(world, world.authenticator(), kid=None)


async def test_a_provider_that_names_no_keys_may_rotate_its_only_one(
    world: World, rsa: RSAKey, other_rsa: RSAKey
) -> None:
    authenticator = world.authenticator()
    assert await accepted(world, authenticator, kid=None)
    world.provider.keys = {"k2": other_rsa}
    world.clock.pass_(RETRY_S)
    assert await accepted(world, authenticator, kid=None)
    for number in range(20):
        assert not await accepted(world, authenticator, kid=None, key=rsa, cty=str(number))
    assert world.provider.asked.count(KEYS_URL) == 2


@pytest.mark.filterwarnings("ignore:Key size should be")
async def test_weak_keys_and_keys_for_encryption_sign_nothing(world: World) -> None:
    weak = RSAKey.generate_key(1024)
    world.provider.keys["weak"] = weak
    assert not await accepted(world, world.authenticator(), kid="weak")
    key = RSAKey.generate_key(2048, {"use": "enc"})
    world.provider.keys["enc"] = key
    assert not await accepted(
        world, world.authenticator(), kid="enc", key=RSAKey.import_key(key.as_pem(private=True))
    )


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("location", "/keys")
            self.end_headers()
            return
        body = b"x" * (600_000 if self.path == "/large" else 10)
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_address[1]}"
        served.shutdown()
        thread.join()


def test_a_document_is_read_whole_and_neither_redirects_nor_large_ones_are_followed(
    server: str,
) -> None:
    assert fetch_document(f"{server}/keys") == b"x" * 10
    with pytest.raises(FetchFailedError, match="302"):
        fetch_document(f"{server}/moved")
    with pytest.raises(FetchFailedError, match="more than"):
        fetch_document(f"{server}/large")


def test_where_nobody_listens_the_failure_says_so() -> None:
    with pytest.raises(FetchFailedError, match="cannot be read"):
        fetch_document("http://127.0.0.1:9/keys")
