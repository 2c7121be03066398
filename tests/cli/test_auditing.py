"""What an auditor takes away and checks without Befit, and what a damaged ledger says."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from befit.testing import ScriptedUpstream
from tests.cli.conftest import Served, Shell, make_workspace, serve


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, near: ScriptedUpstream, far: ScriptedUpstream
) -> Iterator[Served]:
    """A running server whose checkpoints go to a file beside the workspace."""
    folder = tmp_path_factory.mktemp("audited") / "work"
    folder.mkdir()
    shell = make_workspace(folder, near, far)
    config = folder / "befit.yaml"
    config.write_text(config.read_text() + "\naudit: {checkpoint_file: ../held.txt}\n")
    yield from serve(shell)


def alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The verifier as an auditor runs it."""
    return subprocess.run(
        [sys.executable, "-I", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def asked(shell: Shell) -> str:
    return str(shell("ask", "hi", "--workflow", "assistant", "--json").json["decision_id"])


def test_an_auditor_goes_from_a_question_to_a_proof_without_befit(
    house: Served, tmp_path: Path
) -> None:
    shell = house.shell
    decision = asked(shell)
    key = shell("audit", "public-key").out.strip()
    shell("audit", "checkpoint", "--out", str(tmp_path / "held.txt"))
    shell("audit", "prove", decision, "--from", str(tmp_path / "held.txt"), "--out",
          str(tmp_path / "proof.json"))  # fmt: skip
    shell("audit", "verifier", "--out", str(tmp_path / "verify.py"))
    arguments = ("verify.py", "proof.json", "--public-key", key, "--checkpoint", "held.txt")
    checked = alone(tmp_path, *arguments)
    assert checked.returncode == 0, checked.stderr
    assert decision in checked.stdout
    assert '"status":"answered"' in checked.stdout
    assert "the checkpoint that you hold" in checked.stdout
    proof = (tmp_path / "proof.json").read_text()
    (tmp_path / "proof.json").write_text(proof.replace("answered", "rejected"))
    assert alone(tmp_path, *arguments).returncode == 1
    assert (tmp_path / "proof.json").stat().st_mode & 0o777 == 0o600


def test_who_read_what_is_listed_shown_and_proved_without_befit(
    house: Served, tmp_path: Path
) -> None:
    shell = house.shell
    key = shell("keys", "create", "read", "--json").json
    body = {"model": "near", "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {key['key']}"}
    answer = httpx.post(f"{house.url}/chat/completions", json=body, headers=headers).json()
    decision = answer["befit"]["decision_id"]
    shell("audit", "show", decision)
    arguments = ("audit", "events", "--action", "decision_read", "--by", "local:admin")
    row = shell(*arguments, "--limit", "1", "--json").json["events"][0]
    assert (row["subject"], row["by"]) == (decision, "local:admin")
    shown = shell("audit", "show", row["id"]).out
    assert "decision_read" in shown
    assert decision in shown
    proof = tmp_path / "proof.json"
    shell("audit", "prove", row["id"], "--out", str(proof))
    shell("audit", "verifier", "--out", str(tmp_path / "verify.py"))
    public = shell("audit", "public-key").out.strip()
    checked = alone(tmp_path, "verify.py", "proof.json", "--public-key", public)
    assert checked.returncode == 0, checked.stderr
    assert f"{row['id']} of tenant default" in checked.stdout
    assert '"action":"decision_read"' in checked.stdout
    forged = proof.read_text().replace(row["id"], decision)
    proof.write_text(forged)
    assert alone(tmp_path, "verify.py", "proof.json", "--public-key", public).returncode == 1


def test_nothing_that_is_there_already_is_written_over(house: Served, tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("# mine\n")
    events = house.shell("audit", "verify", "--json").json["events"]
    for arguments, told in (
        (("prove", asked(house.shell), "--out", str(mine)), "is there already"),
        (("verifier", "--out", str(mine)), "is there already"),
        (("checkpoint", "--out", str(mine)), "something else than checkpoints"),
    ):
        assert told in house.shell("audit", *arguments, code=1).err
        assert mine.read_text() == "# mine\n"
    assert house.shell("audit", "verify", "--json").json["events"] > events  # what was asked


def test_the_receipt_of_an_answer_is_checked_without_befit(house: Served, tmp_path: Path) -> None:
    key = house.shell("keys", "create", "auditee", "--json").json["key"]
    body = {"model": "near", "messages": [{"role": "user", "content": "hi"}]}
    answer = httpx.post(
        f"{house.url}/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
    ).json()
    (tmp_path / "receipt.txt").write_text(answer["befit"]["receipt"])
    house.shell("audit", "verifier", "--out", str(tmp_path / "verify.py"))
    public = house.shell("audit", "public-key").out.strip()
    checked = alone(tmp_path, "verify.py", "receipt.txt", "--public-key", public)
    assert checked.returncode == 0, checked.stderr
    assert answer["befit"]["decision_id"] in checked.stdout


def test_a_proof_without_the_caller_names_nobody(house: Served) -> None:
    shell = house.shell
    decision = asked(shell)
    assert "local:" in shell("audit", "prove", decision).out
    withheld = shell("audit", "prove", decision, "--without-caller").json
    assert all(event["caller"] is None for event in withheld["events"])
    assert "local:" not in json.dumps(withheld)


def test_a_checkpoint_from_before_a_rotation_is_linked_to_one_of_the_newest_key(
    house: Served, tmp_path: Path
) -> None:
    shell = house.shell
    decision = asked(shell)
    shell("audit", "checkpoint", "--out", str(tmp_path / "held.txt"))
    first = shell("audit", "public-key").out.strip()
    shell("audit", "rotate-key")
    newest = shell("audit", "public-key").out.strip()
    shell("audit", "prove", decision, "--from", str(tmp_path / "held.txt"), "--out",
          str(tmp_path / "proof.json"))  # fmt: skip
    shell("audit", "verifier", "--out", str(tmp_path / "verify.py"))
    for key in (first, newest):
        arguments = ("verify.py", "proof.json", "--public-key", key, "--checkpoint", "held.txt")
        checked = alone(tmp_path, *arguments)
        assert checked.returncode == 0, checked.stderr
        assert "the checkpoint that you hold" in checked.stdout


def test_growth_is_proved_from_a_held_checkpoint(house: Served, tmp_path: Path) -> None:
    shell = house.shell
    shell("audit", "checkpoint", "--out", str(tmp_path / "held.txt"))
    asked(shell)
    shell("audit", "prove", "--from", str(tmp_path / "held.txt"), "--out",
          str(tmp_path / "growth.json"), "--json")  # fmt: skip
    shell("audit", "verifier", "--out", str(tmp_path / "verify.py"))
    key = shell("audit", "public-key").out.strip()
    checked = alone(tmp_path, "verify.py", "growth.json", "--public-key", key, "--checkpoint",
                    "held.txt")  # fmt: skip
    assert checked.returncode == 0, checked.stderr
    assert "Nothing was changed, removed or reordered since" in checked.stdout


def test_proving_what_another_asked_is_recorded_as_reading_it(house: Served) -> None:
    shell = house.shell
    key = shell("keys", "create", "asker", "--json").json["key"]
    body = {"model": "near", "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {key}"}
    answer = httpx.post(f"{house.url}/chat/completions", json=body, headers=headers).json()
    own = asked(shell)
    events = shell("audit", "verify", "--json").json["events"]
    shell("audit", "prove", own)
    assert shell("audit", "verify", "--json").json["events"] == events
    shell("audit", "prove", answer["befit"]["decision_id"])
    assert shell("audit", "verify", "--json").json["events"] == events + 1


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("prove", "dec_nothing"), 1, "no decision"),
        (("prove",), 2, "nothing to prove"),
        (("prove", "--from", "missing.txt"), 2, "cannot be read"),
        (("prove", "--from", "befit.yaml"), 2, "no signed checkpoint"),
        (("verify", "--from", "missing.txt"), 2, "cannot be read"),
        (("verify", "--public-key", "befit/x+00+y"), 2, "public key"),
        (("checkpoint", "--out", "no/such/folder"), 1, "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    house: Served, arguments: tuple[str, ...], code: int, told: str
) -> None:
    done = house.shell("audit", *arguments, code=code)
    assert told in done.err
    assert done.err.count("\n") == 1


def test_a_rotated_key_is_shown_and_both_verify(house: Served, tmp_path: Path) -> None:
    shell = house.shell
    first = shell("audit", "public-key").out.strip()
    shell("audit", "rotate-key")
    asked(shell)
    keys = shell("audit", "public-key", "--json").json["public_keys"]
    assert keys[-2:] == [first, shell("audit", "public-key").out.strip()]
    (tmp_path / "first.pub").write_text(first + "\n")
    for key in (keys[-1], str(tmp_path / "first.pub")):
        assert shell("audit", "verify", "--public-key", key, "--json").json["ok"] is True
    held = shell.folder.parent / "held.txt"
    assert shell("audit", "verify", "--from", str(held), "--json").json["ok"] is True


def test_an_older_state_put_back_is_found_out_by_the_checkpoint_off_the_machine(
    tmp_path: Path, near: ScriptedUpstream, far: ScriptedUpstream
) -> None:
    (tmp_path / "work").mkdir()
    shell = make_workspace(tmp_path / "work", near, far)
    asked(shell)
    old = shutil.copytree(tmp_path / "work" / ".befit", tmp_path / "old")
    asked(shell)
    shell("audit", "checkpoint", "--out", str(tmp_path / "held.txt"))
    shutil.rmtree(tmp_path / "work" / ".befit")
    old.rename(tmp_path / "work" / ".befit")
    # Keys, database, ledger: all as it was. Nothing on this machine can tell.
    assert shell("audit", "verify", "--json").json["ok"] is True
    found = shell("audit", "verify", "--from", str(tmp_path / "held.txt"), code=1)
    assert "does not reach event" in found.out
    shutil.rmtree(tmp_path / "work" / ".befit")
    assert (
        "there is no ledger"
        in shell("audit", "verify", "--from", str(tmp_path / "held.txt"), code=1).out
    )


def test_what_kill_9_left_is_told_from_damage(
    tmp_path: Path, near: ScriptedUpstream, far: ScriptedUpstream
) -> None:
    shell = make_workspace(tmp_path, near, far)
    with ScriptedUpstream(lambda _request: time.sleep(30) or "late") as slow:
        config = tmp_path / "befit.yaml"
        config.write_text(config.read_text().replace(near.url, slow.url))
        asking = shell.start("ask", "hi", "--workflow", "assistant", "--model", "near")
        log = tmp_path / ".befit/ledger/0.log"
        deadline = time.monotonic() + 30
        while not (log.exists() and b'"type":"reserved"' in log.read_bytes()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(asking.pid, signal.SIGKILL)
        asking.communicate()
    found = shell("audit", "verify", "--json").json
    assert (found["ok"], found["unfinished"], found["problems"]) == (True, 1, [])
    assert "as a crash leaves them" in shell("audit", "verify").out
    log.write_bytes(log.read_bytes() + b'{"v":1,"ty')
    torn = shell("audit", "verify", "--json", code=1).json
    assert "as a crash leaves them" in torn["problems"][0]
    shell("usage")
    found = shell("audit", "verify", "--json").json
    assert (found["ok"], found["unfinished"]) == (True, 0)
