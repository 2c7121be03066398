"""What telling who asks costs: a known key, a known token, and a token seen first.

    python -m benchmarks.authentication

Prints the median of nine rounds and their range. Keys, people and groups lie in a database
of their own; the issuer's keys are at hand, as they are but once in a quarter of an hour.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from befit.errors import NotAuthenticated
from befit.identity import Authenticator, IdentityStores, Issuer, TokenVerifier, issue_key
from befit.settings import IdentitySettings
from befit.storage import (
    Database,
    SqlGroupStore,
    SqlKeyStore,
    SqlPeopleStore,
    database_url,
    upgrade,
)

ROUNDS = 9
KNOWN = 20_000
NEW = 200
ISSUER = Issuer(url="https://idp.example", audiences=frozenset({"befit"}))
SIGNERS = {"RS256": RSAKey.generate_key(2048), "ES256": ECKey.generate_key("P-256")}

Authenticate = Callable[[str], Awaitable[object]]


async def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        url = database_url(Path(folder) / "befit.db")
        upgrade(url)
        database = Database(url)
        try:
            await _measure(database)
        finally:
            database.close()


async def _measure(database: Database) -> None:
    stores = IdentityStores(
        keys=SqlKeyStore(database), people=SqlPeopleStore(database), groups=SqlGroupStore(database)
    )
    trusted = IdentitySettings(issuers=(ISSUER,))
    verifier = TokenVerifier(lambda: trusted, fetch=_document)
    authenticate = Authenticator(stores, lambda: trusted, tokens=verifier).authenticate
    key, text = issue_key("bench", created_at=time.time())
    await stores.keys.add(key)
    await _print("a known key", authenticate, [[text] * KNOWN] * ROUNDS)
    await _print("a known token", authenticate, [[_token("RS256", 0)] * KNOWN] * ROUNDS)
    for alg in SIGNERS:
        fresh = [
            [_token(alg, turn * NEW + number + 1) for number in range(NEW)]
            for turn in range(ROUNDS)
        ]
        await _print(f"a new token, {alg}", authenticate, fresh)
        forged = [[f"{token[:-8]}AAAAAAAA" for token in each] for each in fresh]
        await _print(f"a forged token, {alg}", authenticate, forged)


async def _print(what: str, authenticate: Authenticate, rounds: Sequence[Sequence[str]]) -> None:
    costs: list[float] = []
    for bearers in rounds:
        started = time.perf_counter()
        for bearer in bearers:
            try:
                await authenticate(bearer)
            except NotAuthenticated:
                continue
        costs.append((time.perf_counter() - started) / len(bearers) * 1e6)
    middle = statistics.median(costs)
    print(f"{what:24} {middle:8.1f} us  ({min(costs):.1f} to {max(costs):.1f})")


def _token(alg: str, number: int) -> str:
    now = time.time()
    claims = {"iss": ISSUER.url, "aud": "befit", "sub": f"s{number % 50}", "jti": number}
    header = {"alg": alg, "kid": alg}
    return jwt.encode(header, {**claims, "iat": now, "exp": now + 3600}, SIGNERS[alg], [alg])


def _document(url: str) -> bytes:
    if url == ISSUER.discovery_url:
        return json.dumps({"issuer": ISSUER.url, "jwks_uri": f"{ISSUER.url}/keys"}).encode()
    keys = [{**key.as_dict(private=False), "kid": alg} for alg, key in SIGNERS.items()]
    return json.dumps({"keys": keys}).encode()


if __name__ == "__main__":
    asyncio.run(main())
