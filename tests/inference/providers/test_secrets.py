import pickle
from pathlib import Path

import pytest

from befit.errors import WorkspaceError
from befit.inference import Secret, resolve_key
from befit.inference.providers import mask_keys


def test_secret_shows_itself_to_nobody_who_does_not_ask() -> None:
    secret = Secret("sk-verysecret")
    shown = f"{secret} {secret!r} {secret!s} {secret:>30} {[secret]}"
    assert "verysecret" not in shown
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(secret)
    assert secret.reveal() == "sk-verysecret"


def test_key_comes_from_the_environment_at_the_moment_of_the_call() -> None:
    environ = {"MY_KEY": "first"}
    assert resolve_key("env:MY_KEY", environ=environ).reveal() == "first"
    environ["MY_KEY"] = "second\n"
    assert resolve_key("env:MY_KEY", environ=environ).reveal() == "second"


def test_missing_variable_is_named_with_what_to_do() -> None:
    with pytest.raises(WorkspaceError, match=r"MY_KEY is not set.*export MY_KEY="):
        resolve_key("env:MY_KEY", environ={})


def test_key_comes_from_a_private_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-from-file\n")
    (tmp_path / "key").chmod(0o600)
    assert resolve_key("file:key", folder=tmp_path).reveal() == "sk-from-file"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644])
def test_key_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    path.write_text("sk-from-file")
    path.chmod(mode)
    with pytest.raises(WorkspaceError, match=f"chmod 600 {path}"):
        resolve_key(f"file:{path}")


def test_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="nowhere cannot be read"):
        resolve_key(f"file:{tmp_path}/nowhere")
    with pytest.raises(WorkspaceError, match="not a regular file"):
        resolve_key(f"file:{tmp_path}")


@pytest.mark.parametrize("value", ["two words", "a\r\nX-Injected: 1", "k\u00e9y"])
def test_key_that_would_break_a_header_is_refused(value: str) -> None:
    with pytest.raises(WorkspaceError) as caught:
        resolve_key("env:MY_KEY", environ={"MY_KEY": value})
    assert value not in str(caught.value)


def test_key_in_place_of_a_reference_is_refused_and_not_repeated() -> None:
    with pytest.raises(WorkspaceError) as caught:
        resolve_key("sk-pasted-by-mistake")
    assert "pasted" not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        "sk-abcdef123456",
        "gsk_AbCdEf123456",
        "Bearer abc.def.ghi",
        "api-key-0123456789",
        "A1b2C3d4E5f6G7h8I9j0K1l2M3n4",
    ],
)
def test_whatever_looks_like_a_key_is_masked(key: str) -> None:
    assert mask_keys(f"Incorrect key {key}, sorry") == "Incorrect key ***, sorry"


def test_ordinary_words_and_request_ids_are_not_masked() -> None:
    text = "request 123e4567-e89b-12d3-a456-426614174000 exceeds the context of gpt-4o-mini"
    assert mask_keys(text) == text
