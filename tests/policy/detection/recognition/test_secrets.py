"""Secrets: keys and tokens of providers, private keys, passwords beside their words."""

from __future__ import annotations

import base64
import json
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.identity import issue_key
from tests.policy.detection.recognition.seeing import found, types

_BASE62 = string.ascii_letters + string.digits


def _random(length: int, alphabet: str = _BASE62) -> str:
    return "".join(random.Random(length).choices(alphabet, k=length))


def _jwt() -> str:
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": "1"}]
    encoded = [base64.urlsafe_b64encode(json.dumps(each).encode()) for each in parts]
    return b".".join(each.rstrip(b"=") for each in encoded).decode() + "." + _random(43)


TOKENS = {
    "aws": "AKIA" + _random(16, string.ascii_uppercase + "234567"),
    "github": "ghp_" + _random(36),
    "github fine": "github_pat_" + _random(22) + "_" + _random(59),
    "gitlab": "glpat-" + _random(20),
    "slack": "xoxb-" + _random(12, string.digits) + "-" + _random(24),
    "slack hook": "hooks.slack.com/services/T"
    + _random(10, "0A1B")
    + "/B0123456789/"
    + _random(24),
    "stripe": "sk_live_" + _random(24),
    "google": "AIza" + _random(35),
    "openai": "sk-" + _random(48),
    "openai project": "sk-proj-" + _random(80),
    "anthropic": "sk-ant-api03-" + _random(90),
    "huggingface": "hf_" + _random(34),
    "npm": "npm_" + _random(36),
    "sendgrid": "SG." + _random(22) + "." + _random(43),
    "azure": "abc" + "8Q~" + _random(34),
    "telegram": "123456789:AA" + _random(33),
    "jwt": _jwt(),
}


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_of_a_provider_is_found_wherever_it_stands(name: str) -> None:
    token = TOKENS[name]
    for text in (token, f"use {token} here", f'{{"k": "{token}"}}', f"({token})", f"a={token};"):
        assert ("SECRET", token) in found(text), text


def test_befits_own_keys_are_found() -> None:
    _, text = issue_key("ci", created_at=0.0)
    assert found(f"Bearer {text}") == [("SECRET", text)]


@given(st.integers(0, 10**9), st.sampled_from([" ", "-", ".", "\u200b", "\u00ad", "\u00a0", "\n"]))
@settings(max_examples=150, deadline=None)
def test_a_token_split_by_signs_that_nobody_sees_or_misses_is_found(
    seed: int, separator: str
) -> None:
    source = random.Random(seed)
    token = TOKENS[source.choice(["aws", "github", "huggingface", "npm"])]
    cuts = sorted(source.sample(range(1, len(token)), 3))
    pieces = [token[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
    text = f"the key: {separator.join(pieces)} ok"
    assert "SECRET" in types(text)


@pytest.mark.parametrize("name", ["openai", "openai project", "anthropic", "gitlab", "slack"])
@pytest.mark.parametrize("separator", [" ", "\n", "\r\n  ", "\x00", "\U000e0100"])
def test_a_token_of_no_fixed_length_is_found_whole_where_it_is_split(
    name: str, separator: str
) -> None:
    token = TOKENS[name]
    for cut in (len(token) // 2, token.rindex("-") + 1):
        written = f"{token[:cut]}{separator}{token[cut:]}"
        assert ("SECRET", written) in found(f"the key: {written} is mine"), (cut, written)


@pytest.mark.parametrize("label", ["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\\n"])
def test_a_private_key_is_found_from_its_first_line_to_its_last(label: str, line_end: str) -> None:
    body = line_end.join([_random(64)] * 30)
    key = f"-----BEGIN {label}-----{line_end}{body}{line_end}-----END {label}-----"
    assert found(f"see {key} end") == [("SECRET", key)]


def test_a_private_key_that_is_cut_is_found_as_far_as_it_goes() -> None:
    key = "-----BEGIN PRIVATE KEY-----\n" + _random(64)
    assert found(key + "\n!")[0][1].startswith(key)


def test_public_keys_and_certificates_are_no_secret() -> None:
    assert (
        types("-----BEGIN PUBLIC KEY-----\n" + _random(64) + "\n-----END PUBLIC KEY-----") == set()
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("password: Tr0ub4dor&3", "Tr0ub4dor&3"),
        ("PASSWORD=s3cr3t-Pa55", "s3cr3t-Pa55"),
        ('{"password": "hunter2!"}', "hunter2!"),
        ("my password is hunter2x.", "hunter2x"),
        ("password: Password123!", "Password123!"),
        ("pwd=$ecret1!x", "$ecret1!x"),
        ("Passwort: Geheim!2024", "Geheim!2024"),
        ("api_key = '9f8e7d6c5b4a39281706f5'", "9f8e7d6c5b4a39281706f5"),
        ("API key: 9f8e7d6c5b4a39281706f5", "9f8e7d6c5b4a39281706f5"),
        ("aws_secret_access_key=wJalrXUt7FEMI/K7MDENG/bPxRfi", "wJalrXUt7FEMI/K7MDENG/bPxRfi"),
        ("Authorization: Bearer 3f2a9c8b7d6e5f4a1b2c", "3f2a9c8b7d6e5f4a1b2c"),
        ("postgres://app:s3cretpw@db.internal/x", "s3cretpw"),
        ("AccountKey=Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZg==;", "Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZg=="),
    ],
)  # fmt: skip
def test_a_value_that_a_word_makes_secret_is_found(text: str, value: str) -> None:
    assert ("SECRET", value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "password: required",
        "password = getpass()",
        "password: ********",
        "password: <your password>",
        "password=${DB_PASSWORD}",
        "password = os.environ['PW']",
        "key: env:OPENAI_API_KEY",
        "I forgot my password, is there a way to reset it?",
        "token: string",
        "the secret: patience and practice",
        "api_key=YOUR_API_KEY_HERE",
        "max_tokens: 4096, token count = 1234567890123",
        "tokens: com.apple.xpc.activity/4505",
        "keyboard: qwerty12345678",
        "sk-learn GitHub v2something and disk- 4a5b6c7d8e9f0a1b2c3d4e5f",
        "sk- whoever reads this has no key",
        "commit 9f8e7d6c5b4a392817069f8e7d6c5b4a39281706",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "550e8400-e29b-41d4-a716-446655440000",
        "risk-based task-oriented ask-me-anything-about-the-desk-and-disk-management",
        "ghp_ tokens of GitHub have 36 characters after the prefix, as everybody knows well",
        "see https://example.com:8080/path and user@host",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert "SECRET" not in types(text)
