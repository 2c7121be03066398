"""Signing in at a real OpenID provider, in a process of its own on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from befit.errors import NotAuthenticated
from befit.identity import Issuer, Role, TokenVerifier
from tests.identity.conftest import Trust

CLIENT = "befit-desk"
BACK = "https://desk.example/back"


@dataclass
class RunningProvider:
    """`oidc-provider-mock`; each start makes new signing keys."""

    port: int
    log: Path
    lasts_s: int = 3600
    process: subprocess.Popen[bytes] | None = None
    users: dict[str, dict[str, object]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(self.port)]
        command += ["--token-max-age", str(self.lasts_s)]
        self.process = subprocess.Popen(
            command, stdout=self.log.open("ab"), stderr=subprocess.STDOUT, env=dict(os.environ)
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{self.url}/jwks", timeout=1)
            except httpx.TransportError:
                assert time.monotonic() < deadline, self.log.read_text()
                assert self.process.poll() is None, self.log.read_text()
                time.sleep(0.05)
            else:
                break
        for sub, claims in self.users.items():
            httpx.put(f"{self.url}/users/{sub}", json=claims).raise_for_status()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=20)

    def sign_in(self, sub: str, *, client: str = CLIENT) -> str:
        """The code flow, as a browser and a desk application go through it; the ID token."""
        asked = {
            "client_id": client,
            "redirect_uri": BACK,
            "response_type": "code",
            "scope": "openid email",
        }
        answer = httpx.post(f"{self.url}/oauth2/authorize", params=asked, data={"sub": sub})
        (code,) = parse_qs(urlsplit(answer.headers["location"]).query)["code"]
        told = httpx.post(
            f"{self.url}/oauth2/token",
            data={"grant_type": "authorization_code", "code": code, "redirect_uri": BACK},
            auth=(client, "any"),
        ).raise_for_status()
        return str(told.json()["id_token"])


Trusting = Callable[..., TokenVerifier]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProvider]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    running = RunningProvider(port, tmp_path_factory.mktemp("provider") / "log")
    running.users["mara"] = {"groups": ["g-17"], "email": "mara@example.test"}
    running.start()
    yield running
    running.stop()


class Clock:
    """The machine's own clock, and how far it is turned."""

    turned_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.turned_s


def trusting(provider: RunningProvider, clock: Callable[[], float] = time.time) -> TokenVerifier:
    issuer = Issuer(
        url=provider.url,
        audiences=frozenset({CLIENT}),
        groups={"g-17": "claims-desk"},
        roles={"g-17": Role.REVIEWER},
        name_claim="email",
    )
    return TokenVerifier(lambda: Trust(issuers=(issuer,)), clock=clock)


async def test_who_has_signed_in_is_believed_with_the_groups_that_the_provider_claims(
    provider: RunningProvider,
) -> None:
    token = await trusting(provider).verify(provider.sign_in("mara"))
    assert (token.subject.issuer, token.subject.sub) == (provider.url, "mara")
    assert token.groups == {"claims-desk"}
    assert token.roles == {Role.REVIEWER}
    assert token.name == "mara@example.test (127.0.0.1)"
    stranger = await trusting(provider).verify(provider.sign_in("jo"))
    assert (stranger.groups, stranger.roles) == (frozenset(), frozenset())


async def test_a_token_for_another_application_is_refused(provider: RunningProvider) -> None:
    token = provider.sign_in("mara", client="another-application")
    with pytest.raises(NotAuthenticated, match="another audience"):
        await trusting(provider).verify(token)


async def test_a_token_ends_at_its_time_however_the_clock_is_turned(
    provider: RunningProvider,
) -> None:
    clock = Clock()
    verifier, token = trusting(provider, clock), provider.sign_in("mara")
    await verifier.verify(token)
    clock.turned_s = provider.lasts_s + 61
    with pytest.raises(NotAuthenticated, match="has expired"):
        await verifier.verify(token)
    clock.turned_s = -120
    with pytest.raises(NotAuthenticated, match="not valid yet"):
        await verifier.verify(token)


async def test_an_access_token_that_is_no_signed_token_is_malformed(
    provider: RunningProvider,
) -> None:
    with pytest.raises(NotAuthenticated, match="not valid"):
        await trusting(provider).verify("..")


async def test_after_a_restart_with_new_keys_old_tokens_end_and_new_ones_are_believed(
    provider: RunningProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("befit.identity.issuer_keys.RETRY_S", 0.0)
    verifier, old = trusting(provider), provider.sign_in("mara")
    await verifier.verify(old)
    provider.stop()
    await verifier.verify(old)  # its keys are kept while it is down
    provider.start()
    new = provider.sign_in("mara")
    assert (await verifier.verify(new)).subject.sub == "mara"
    with pytest.raises(NotAuthenticated, match="the token is not valid"):
        await verifier.verify(old)
