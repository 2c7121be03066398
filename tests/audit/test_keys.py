"""Keys are made once, owner-only, and a lost one is said and never replaced."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from befit.audit import open_keyring, open_ledger
from befit.errors import WorkspaceError

NAMES = ("signing.pem", "pseudonym.key", "tenant-default.key")


def with_data(befit: Path) -> Path:
    open_ledger(befit, open_keyring(befit)).close()
    return befit


def test_keys_are_for_their_owner_only(befit: Path) -> None:
    open_keyring(befit)
    keys = befit / "keys"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert {path.name for path in keys.iterdir()} == set(NAMES)
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.iterdir()} == {0o600}


def test_the_same_keys_are_loaded_again(befit: Path) -> None:
    first, second = open_keyring(befit), open_keyring(befit)
    assert first.signer.name == second.signer.name
    assert first.sealer.key_id("default") == second.sealer.key_id("default")
    assert first.pseudonyms.of("default", "key:a") == second.pseudonyms.of("default", "key:a")


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_key_beside_data_is_an_error_and_stays_missing(befit: Path, name: str) -> None:
    path = with_data(befit) / "keys" / name
    path.unlink()
    with pytest.raises(WorkspaceError, match=name) as caught:
        open_keyring(befit)
    assert "restore" in str(caught.value)
    assert not path.exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_key_that_others_can_read_is_refused(befit: Path, name: str) -> None:
    path = with_data(befit) / "keys" / name
    path.chmod(0o640)
    with pytest.raises(WorkspaceError, match="can be read by others") as caught:
        open_keyring(befit)
    assert "chmod 600" in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_key_is_refused(befit: Path, name: str) -> None:
    (with_data(befit) / "keys" / name).write_bytes(b"not a key")
    with pytest.raises(WorkspaceError, match="is broken"):
        open_keyring(befit)


def test_a_half_made_set_of_keys_is_completed_while_there_is_no_data(befit: Path) -> None:
    signer = open_keyring(befit).signer.name
    (befit / "keys" / "pseudonym.key").unlink()
    assert open_keyring(befit).signer.name == signer


def test_a_tenant_that_is_new_gets_a_key_although_others_have_data(befit: Path) -> None:
    own = open_keyring(with_data(befit)).sealer.key_id("default")
    keyring = open_keyring(befit, tenants=("default", "clinic"))
    box = keyring.sealer.seal("clinic", "run", b"text", subject="key:a")
    assert keyring.sealer.key_id("default") == own
    again = open_keyring(befit, tenants=("default", "clinic"))
    assert again.sealer.open("clinic", "run", box) == b"text"


def test_a_known_tenants_key_is_never_made_anew(befit: Path) -> None:
    open_keyring(with_data(befit), tenants=("default", "clinic"))
    path = befit / "keys" / "tenant-clinic.key"
    path.unlink()
    with pytest.raises(WorkspaceError, match=r"tenant-clinic\.key"):
        open_keyring(befit, tenants=("default", "clinic"))
    assert not path.exists()


def test_a_tenant_stays_known_after_it_left_the_settings_and_its_key_is_lost(befit: Path) -> None:
    open_keyring(with_data(befit), tenants=("default", "clinic"))
    assert open_keyring(befit).tenants == ("clinic", "default")
    (befit / "keys" / "tenant-clinic.key").unlink()
    assert open_keyring(befit).tenants == ("clinic", "default")


def test_data_of_before_tenants_were_noted_are_the_default_tenants(befit: Path) -> None:
    (with_data(befit) / "tenants").unlink()
    path = befit / "keys" / "tenant-default.key"
    secret = path.read_bytes()
    path.unlink()
    with pytest.raises(WorkspaceError, match=r"tenant-default\.key"):
        open_keyring(befit)
    path.write_bytes(secret)
    path.chmod(0o600)
    open_keyring(befit, tenants=("default", "clinic"))
    assert (befit / "tenants").read_text() == "clinic\ndefault\n"


def test_what_a_tenant_sealed_is_read_after_it_left_the_settings(befit: Path) -> None:
    with_data(befit)
    both = open_keyring(befit, tenants=("default", "clinic"))
    box = both.sealer.seal("clinic", "run", b"text", subject="key:a")
    assert open_keyring(befit).sealer.open("clinic", "run", box) == b"text"


def test_pseudonyms_hide_the_principal_and_differ_between_tenants(befit: Path) -> None:
    pseudonyms = open_keyring(befit).pseudonyms
    named = pseudonyms.of("default", "key:alice")
    assert named == pseudonyms.of("default", "key:alice")
    assert named != pseudonyms.of("other", "key:alice")
    assert "alice" not in named


def test_keys_do_not_show_in_a_representation(befit: Path) -> None:
    assert repr(open_keyring(befit)) == "Keyring()"
