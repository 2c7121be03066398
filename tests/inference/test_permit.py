import time
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.errors import PermitDenied
from befit.inference import Permit, PermitGate, PermitSeal
from befit.vocabulary import DataClass, Purpose

_KEY = b"k" * 32
_SEAL = PermitSeal(_KEY)


def _permit(**changes: object) -> Permit:
    return replace(
        Permit(
            permit_id="permit_1",
            tenant="default",
            decision_id="dec_1",
            step="1",
            purpose=Purpose.ANSWER,
            data_class=DataClass.INTERNAL,
            models=("small", "large"),
            reservation_id="res_1",
            expires_at=time.time() + 60,
        ),
        **changes,
    )


def test_sealed_permit_admits_its_models_as_often_as_it_says() -> None:
    gate = PermitGate(_KEY)
    permit = _SEAL.seal(_permit(calls=2))
    gate.admit(permit, "small")
    gate.admit(permit, "large")
    with pytest.raises(PermitDenied, match="allows 2 call"):
        gate.admit(permit, "small")


def test_model_outside_the_permit_is_denied_and_uses_nothing_up() -> None:
    gate = PermitGate(_KEY)
    permit = _SEAL.seal(_permit())
    with pytest.raises(PermitDenied, match="does not cover model 'external'"):
        gate.admit(permit, "external")
    gate.admit(permit, "small")


def test_bulk_of_calls_is_admitted_whole_or_not_at_all() -> None:
    gate = PermitGate(_KEY)
    permit = _SEAL.seal(_permit(calls=10))
    gate.admit(permit, "small", calls=8)
    with pytest.raises(PermitDenied):
        gate.admit(permit, "small", calls=3)
    gate.admit(permit, "small", calls=2)


def test_expired_permit_is_denied() -> None:
    with pytest.raises(PermitDenied, match="expired"):
        PermitGate(_KEY).admit(_SEAL.seal(_permit(expires_at=time.time())), "small")


def test_permit_of_another_boot_is_denied() -> None:
    with pytest.raises(PermitDenied, match="another boot"):
        PermitGate(b"n" * 32).admit(_SEAL.seal(_permit()), "small")


def test_unsealed_permit_is_denied() -> None:
    with pytest.raises(PermitDenied, match="forged"):
        PermitGate(_KEY).admit(_permit(), "small")


_CHANGES = {
    "permit_id": "permit_2",
    "tenant": "other",
    "decision_id": "dec_2",
    "step": "2",
    "purpose": Purpose.EMBEDDING,
    "data_class": DataClass.PUBLIC,
    "models": ("small", "large", "external"),
    "reservation_id": "res_2",
    "expires_at": time.time() + 10**6,
    "calls": 10**6,
    "is_redacted": True,
    "mac": b"x" * 32,
}


def test_every_field_has_a_change_below() -> None:
    assert {field.name for field in fields(Permit)} == _CHANGES.keys()


@pytest.mark.parametrize("name", _CHANGES)
def test_changing_any_field_breaks_the_seal(name: str) -> None:
    forged = replace(_SEAL.seal(_permit()), **{name: _CHANGES[name]})
    with pytest.raises(PermitDenied, match="forged"):
        PermitGate(_KEY).admit(forged, "small")


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_text_cannot_move_between_fields(a: str, b: str, c: str, d: str) -> None:
    one = _permit(expires_at=1.0, decision_id=a, step=b)
    other = _permit(expires_at=1.0, decision_id=c, step=d)
    assert (one.signed_bytes() == other.signed_bytes()) is ((a, b) == (c, d))


def test_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 32"):
        PermitSeal(b"short")


def test_permits_are_forgotten_when_they_expire_whatever_lives_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    gate = PermitGate(_KEY)
    bulk = _SEAL.seal(_permit(permit_id="bulk", expires_at=now[0] + 6 * 3600, calls=3))
    gate.admit(bulk, "small")
    for number in range(500):
        now[0] += 1
        short = _permit(permit_id=f"permit_{number}", expires_at=now[0] + 10, calls=2)
        gate.admit(_SEAL.seal(short), "small")
        gate.admit(_SEAL.seal(short), "small")
        with pytest.raises(PermitDenied, match="allows 2 call"):
            gate.admit(_SEAL.seal(short), "small")
    assert len(gate._used) == len(gate._expiries) <= 12
    gate.admit(bulk, "small", calls=2)
    with pytest.raises(PermitDenied, match="allows 3 call"):
        gate.admit(bulk, "small")
