"""Proofs stand by themselves: whoever has the public key checks them without Befit."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.audit import (
    LedgerReader,
    NoteVerifier,
    Sealer,
    decode_receipt,
    load_keyring,
    proof_json,
    receipt_to_json,
    shown_sections,
    standalone,
)
from befit.audit.heads import split_notes
from befit.audit.note import NoteError
from befit.errors import WorkspaceError
from tests.audit.proofs import Proven, proven, run_alone


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Proven:
    return proven(tmp_path_factory.mktemp("proven") / ".befit")


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory) -> Proven:
    return proven(tmp_path_factory.mktemp("rotated") / ".befit", rotates_at=3)


def checked(text: str, key: NoteVerifier, held: tuple[str, ...] | None = None) -> list[str]:
    notes = None if held is None else split_notes("\n".join(held))
    return standalone.check(
        text, standalone.parse_key(key.text), None if notes is None else [*notes]
    )


def test_the_verifier_imports_nothing_but_the_standard_library_and_cryptography() -> None:
    tree = ast.parse(Path(standalone.__file__).read_text())
    named = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or "." * node.level]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert named - set(sys.stdlib_module_names) == {"cryptography"}


def test_a_proof_is_checked_by_a_process_that_has_nothing_of_befit(
    made: Proven, tmp_path: Path
) -> None:
    (tmp_path / "proof.json").write_text(made.text("dec_2"))
    (tmp_path / "befit.pub").write_text(made.keys.newest.text + "\n")
    (tmp_path / "held.txt").write_text("\n".join(made.checkpoints) + "\n")
    arguments = ("proof.json", "--public-key", "befit.pub")
    alone = run_alone(tmp_path, *arguments)
    assert alone.code == 0, alone.err
    for word in ("PROVED", "opened", "reserved", "settled", "closed", '"principal_id":"key:test"'):
        assert word in alone.out
    assert "Not proved: that others are shown the same ledger" in alone.out
    compared = run_alone(tmp_path, *arguments, "--checkpoint", "held.txt")
    assert compared.code == 0, compared.err
    assert "the checkpoint that you hold" in compared.out
    (tmp_path / "proof.json").write_text(made.text("dec_2").replace("answered", "refused"))
    tampered = run_alone(tmp_path, *arguments)
    assert (tampered.code, tampered.out) == (1, "")
    assert tampered.err.startswith("NOT PROVED")


@pytest.mark.parametrize(
    "arguments",
    [
        ("missing.json", "--public-key", "{key}"),
        ("proof.json", "--public-key", "not+a+key"),
        ("proof.json", "--public-key", "missing.pub"),
        ("proof.json",),
        ("proof.json", "--public-key", "{key}", "--checkpoint", "missing.txt"),
    ],
)
def test_wrong_use_is_told_from_what_is_not_proved(
    made: Proven, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "proof.json").write_text(made.text("dec_2"))
    key = made.keys.newest.text
    done = run_alone(tmp_path, *[argument.format(key=key) for argument in arguments])
    assert (done.code, done.out) == (2, "")
    assert done.err


def test_a_withheld_caller_is_not_in_the_proof(made: Proven) -> None:
    text = made.text("dec_4", shows_caller=False)
    assert "key:test" not in text
    told = checked(text, made.keys.newest)
    assert sum("caller: not disclosed" in line for line in told) == 4
    assert any('"status":"answered"' in line for line in told)


def test_every_decision_is_proved_to_every_checkpoint_behind_it(made: Proven) -> None:
    for number in range(7):
        for checkpoint in made.checkpoints[number:]:
            checked(made.text(f"dec_{number}", checkpoint=checkpoint), made.keys.newest)
    with pytest.raises(ValueError, match="has no leaf"):
        made.proof("dec_5", checkpoint=made.checkpoints[3])


def test_what_is_disclosed_is_the_event_as_it_is_read_with_what_opens_it(made: Proven) -> None:
    reader = LedgerReader(made.befit, load_keyring(made.befit).sealer)
    for event, pointer in made.decisions["dec_2"]:
        disclosure = reader.disclosed_at(pointer)
        assert disclosure.event == reader.event_at(pointer) == event
        caller, account = shown_sections(disclosure)
        assert caller is not None
        assert account is not None
        shown = {**json.loads(caller.json), **json.loads(account.json)}
        assert shown == json.loads(event.fields_json() or b"")


def test_nothing_is_shown_of_an_event_whose_key_is_gone(made: Proven) -> None:
    _, pointer = made.decisions["dec_2"][0]
    erased = LedgerReader(made.befit, Sealer({})).disclosed_at(pointer)
    assert erased.event.fields is None
    assert shown_sections(erased) == (None, None)


def test_growth_is_proved_between_any_two_checkpoints(made: Proven) -> None:
    for at, older in enumerate(made.checkpoints):
        for newer in made.checkpoints[at:]:
            text = made.text(None, checkpoint=newer, since=older)
            told = checked(text, made.keys.newest, (older,))
            assert "It is the ledger of the checkpoint that you hold." in told
    with pytest.raises(ValueError, match="does not begin"):
        made.proof(None, checkpoint=made.checkpoints[0], since=made.checkpoints[1])


def test_a_proof_is_linked_to_the_checkpoint_that_its_reader_holds(made: Proven) -> None:
    held = made.checkpoints[1]
    with pytest.raises(standalone.NotProved, match="no checkpoint that you hold"):
        checked(made.text("dec_4"), made.keys.newest, (held,))
    checked(made.text("dec_4", since=held), made.keys.newest, (held,))
    checked(made.text("dec_4"), made.keys.newest, made.checkpoints)


def test_a_ledger_written_anew_by_who_has_the_key_is_found_out_by_a_held_checkpoint(
    made: Proven, tmp_path: Path
) -> None:
    befit = tmp_path / ".befit"
    (befit / "keys").mkdir(parents=True)
    befit.chmod(0o700)
    for path in (made.befit / "keys").rglob("*"):
        if path.is_file():
            target = befit / "keys" / path.relative_to(made.befit / "keys")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            target.chmod(0o600)
    forged = proven(befit)
    # Signed by the true key: by itself the proof of the forged ledger is as good as any.
    checked(forged.text("dec_3"), made.keys.newest)
    with pytest.raises(standalone.NotProved, match="another one than in the checkpoint you hold"):
        checked(forged.text("dec_3"), made.keys.newest, made.checkpoints)


def test_proofs_over_a_rotation_are_checked_with_any_key_of_the_chain(rotated: Proven) -> None:
    for number in (0, 3, 4, 6):
        for key in rotated.keys.keys:
            text = rotated.text(f"dec_{number}", since=rotated.checkpoints[0])
            checked(text, key, rotated.checkpoints)
    (endorsement,) = rotated.keys.endorsements
    text = rotated.text("dec_6")
    stripped = json.loads(text) | {"endorsements": []}
    with pytest.raises(standalone.NotProved, match="not signed by"):
        checked(proof_json(stripped), endorsement.old)


def test_receipts_are_checked_in_both_their_forms(made: Proven, rotated: Proven) -> None:
    for value in made.receipts:
        told = checked(value, made.keys.newest)
        assert told == checked(receipt_to_json(decode_receipt(value)).decode(), made.keys.newest)
        assert any("closed, decision dec_" in line for line in told)
    checked(rotated.receipts[0], rotated.keys.keys[0])
    checked(rotated.receipts[-1], rotated.keys.newest)
    with pytest.raises(standalone.NotProved):
        checked(rotated.receipts[-1], rotated.keys.keys[0])


def is_refused(text: str, key: NoteVerifier) -> bool:
    try:
        checked(text, key)
    except standalone.NotProved:
        return True
    return False


def test_every_byte_of_a_proof_counts(rotated: Proven) -> None:
    raw = rotated.text("dec_5", since=rotated.checkpoints[0]).encode()
    for position in range(0, len(raw), 3):
        for mask in (1, 0x20):
            changed = bytearray(raw)
            changed[position] ^= mask
            try:
                text = changed.decode()
            except UnicodeDecodeError:
                continue
            assert is_refused(text, rotated.keys.newest), (position, raw[position - 20 :][:40])


@pytest.mark.heavy
def test_every_bit_of_a_proof_counts(rotated: Proven) -> None:
    raw = rotated.text("dec_5", since=rotated.checkpoints[0]).encode()
    for position in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[position] ^= 1 << bit
            try:
                text = changed.decode()
            except UnicodeDecodeError:
                continue
            assert is_refused(text, rotated.keys.newest), (position, bit)


def test_every_character_of_a_receipt_counts(made: Proven) -> None:
    value = made.receipts[2]
    for position in range(0, len(value), 2):
        other = "A" if value[position] != "A" else "B"
        assert is_refused(value[:position] + other + value[position + 1 :], made.keys.newest)


@pytest.mark.parametrize("asked", ["account", "account{}", 'account{"a":1}', "{}account: caller"])
def test_no_beginning_of_a_section_can_be_hidden_in_its_salt(tmp_path: Path, asked: str) -> None:
    own = proven(tmp_path / ".befit", decisions=1, asked=asked)
    text = own.text("dec_0")
    checked(text, own.keys.newest)
    tried = 0
    for at in range(4):
        for name in ("caller", "account"):
            document = json.loads(text)
            section = document["events"][at][name]
            cut, found, rest = section["json"].partition(name)
            if found:
                tried += 1
                salt = base64.b64decode(section["salt"]) + f"{name}{cut}".encode()
                section |= {"salt": base64.b64encode(salt).decode(), "json": rest}
                assert hashed(name, section) == json.loads(document["events"][at]["leaf"])[name]
                assert is_refused(proof_json(document), own.keys.newest)
    assert tried == 1


def hashed(name: str, section: dict[str, str]) -> str:
    opened = base64.b64decode(section["salt"]) + f"{name}{section['json']}".encode()
    return base64.b64encode(hashlib.sha256(opened).digest()).decode()


@pytest.mark.parametrize("recorded", ["[]", '"x"', "{} ", " {}", "1", "{", "", "null"])
@pytest.mark.parametrize("length", [16, 0, 15, 17, 32])
def test_a_section_is_opened_by_a_salt_of_16_bytes_and_is_an_object(
    made: Proven, recorded: str, length: int
) -> None:
    event = json.loads(made.text("dec_1"))["events"][0]
    for text in (recorded, '{"a":1}'):
        section = {"salt": base64.b64encode(b"s" * length).decode(), "json": text}
        leaf = json.loads(event["leaf"]) | {"account": hashed("account", section)}
        shown = standalone._check_section
        if (text, length) == ('{"a":1}', 16):
            assert shown(event | {"account": section}, leaf, "account") == '    account: {"a":1}'
            continue
        with pytest.raises(standalone.NotProved):
            shown(event | {"account": section}, leaf, "account")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_nothing_can_be_taken_out_moved_or_put_into_a_proof(made: Proven, data) -> None:
    document = json.loads(made.text("dec_3", since=made.checkpoints[0]))
    events = document["events"]
    picked = data.draw(st.lists(st.sampled_from(range(4)), min_size=1, max_size=5))
    other = json.loads(made.text("dec_2"))["events"]
    mixed = [(other if data.draw(st.booleans()) else events)[at] for at in picked]
    changed = proof_json(document | {"events": mixed})
    # A beginning of the decision is proved, and said to be no more than that.
    is_beginning = mixed == events[: len(mixed)]
    assert is_refused(changed, made.keys.newest) != is_beginning


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=200) | st.binary(max_size=80).map(lambda raw: raw.hex()))
def test_whatever_is_given_is_refused_and_never_fails_otherwise(made: Proven, text: str) -> None:
    assert is_refused(text, made.keys.newest)
    assert is_refused("{" + text, made.keys.newest)


@pytest.mark.parametrize(
    "document",
    ["{}", '{"format":1}', "[" * 5000, "{" * 5000, '{"format":"befit/proof/1"}', "null", '"x"'],
)
def test_what_is_no_proof_is_refused(made: Proven, document: str) -> None:
    assert is_refused(document, made.keys.newest)


def test_no_proof_is_made_of_a_ledger_that_is_not_the_signed_one(tmp_path: Path) -> None:
    own = proven(tmp_path / ".befit", decisions=3)
    path = own.befit / "ledger/0.log"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0].replace(b"opened", b"closed"), *lines[1:]]))
    with pytest.raises(WorkspaceError, match="not the log that the checkpoint was signed for"):
        own.proof("dec_2")


def test_no_proof_is_made_from_a_checkpoint_of_another_ledger(made: Proven, rotated) -> None:
    with pytest.raises(NoteError):
        made.proof("dec_0", checkpoint=rotated.checkpoints[0])
