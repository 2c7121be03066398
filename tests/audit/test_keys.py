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


def test_pseudonyms_hide_the_principal_and_differ_between_tenants(befit: Path) -> None:
    pseudonyms = open_keyring(befit).pseudonyms
    named = pseudonyms.of("default", "key:alice")
    assert named == pseudonyms.of("default", "key:alice")
    assert named != pseudonyms.of("other", "key:alice")
    assert "alice" not in named


def test_keys_do_not_show_in_a_representation(befit: Path) -> None:
    assert repr(open_keyring(befit)) == "Keyring()"
