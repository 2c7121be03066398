"""The permit: the value without which no model is called.

A permit binds one decision, the joined data class, the models that policy left, a
reservation, an expiry and a number of calls. It is sealed by a keyed BLAKE2b MAC under
a key drawn at each boot (RFC 7693), verified by the gateway's caller and once more by
the model process. Only the orchestrator is handed the `PermitSeal` that can make one.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass, replace
from heapq import heappop, heappush

import msgspec

from befit.errors import PermitDenied
from befit.vocabulary import DataClass, Purpose

_MAC_BYTES = 32
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, kw_only=True, slots=True)
class Permit:
    """Leave to call one of `models`, `calls` times, until `expires_at` (Unix seconds).

    `is_redacted` says that the content may go out only with its findings replaced.
    """

    permit_id: str
    tenant: str
    decision_id: str
    step: str
    purpose: Purpose
    data_class: DataClass
    models: tuple[str, ...]
    reservation_id: str
    expires_at: float
    calls: int = 1
    is_redacted: bool = False
    mac: bytes = b""

    def signed_bytes(self) -> bytes:
        """What the MAC covers: every field but the MAC, in one fixed order."""
        return _encode(
            (
                "befit/permit/2",
                self.permit_id,
                self.tenant,
                self.decision_id,
                self.step,
                self.purpose.value,
                int(self.data_class),
                self.models,
                self.reservation_id,
                self.expires_at,
                self.calls,
                self.is_redacted,
            )
        )


class PermitSeal:
    """Seals permits; whoever holds one can let models be called."""

    def __init__(self, boot_key: bytes) -> None:
        if len(boot_key) < _MAC_BYTES:
            raise ValueError(f"the boot key has {len(boot_key)} bytes; it needs {_MAC_BYTES}")
        self._key = boot_key

    def seal(self, permit: Permit) -> Permit:
        """The same permit with its MAC."""
        return replace(permit, mac=_mac(self._key, permit))


class PermitGate:
    """Checks permits at the point of the call and counts their uses.

    One gate stands in each process that calls models. Used permits are remembered until
    they expire, each by its own time: one that lives for hours holds no other back.
    """

    def __init__(self, boot_key: bytes) -> None:
        self._key = boot_key
        self._used: dict[str, int] = {}
        self._expiries: list[tuple[float, str]] = []  # a heap, the next to expire first

    def admit(self, permit: Permit, model: str, *, calls: int = 1) -> None:
        """Let `calls` calls of `model` pass, or raise.

        Raises:
            PermitDenied: forged, expired, for another model, or used up.
        """
        if not hmac.compare_digest(permit.mac, _mac(self._key, permit)):
            raise PermitDenied(f"permit {permit.permit_id} is forged or from another boot")
        now = time.time()
        if now >= permit.expires_at:
            raise PermitDenied(f"permit {permit.permit_id} has expired")
        if model not in permit.models:
            raise PermitDenied(f"permit {permit.permit_id} does not cover model {model!r}")
        self._forget_expired(now)
        used = self._used.get(permit.permit_id, 0) + calls
        if used > permit.calls:
            raise PermitDenied(f"permit {permit.permit_id} allows {permit.calls} call(s)")
        if permit.permit_id not in self._used:
            heappush(self._expiries, (permit.expires_at, permit.permit_id))
        self._used[permit.permit_id] = used

    def _forget_expired(self, now: float) -> None:
        while self._expiries and self._expiries[0][0] <= now:
            _, permit_id = heappop(self._expiries)
            del self._used[permit_id]


def _mac(key: bytes, permit: Permit) -> bytes:
    return hashlib.blake2b(permit.signed_bytes(), key=key[:64], digest_size=_MAC_BYTES).digest()
