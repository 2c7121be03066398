"""`models add`: one probing call, then a card; nothing external without a yes."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Iterator

import pytest

from befit.testing import Reply, ScriptedUpstream
from tests.cli.conftest import BEFIT, Served, Shell, free_port, make_workspace, serve


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, near: ScriptedUpstream, far: ScriptedUpstream
) -> Iterator[Served]:
    yield from serve(make_workspace(tmp_path_factory.mktemp("served"), near, far))


def config(shell: Shell) -> str:
    return (shell.folder / "befit.yaml").read_text()


def test_a_model_on_this_machine_is_probed_and_in_use_at_once(shell: Shell) -> None:
    with ScriptedUpstream("A ledger is a list.", models=("qwen2.5:7b",)) as upstream:
        added = shell("models", "add", "local", "--via", "ollama", "--url", upstream.url, "--json")
        document = added.json
        assert document["probe"]["ok"] is True
        assert document["probe"]["text"] == "A ledger is a list."
        assert document["probe"]["latency_ms"] > 0
        assert document["card"]["model"] == "qwen2.5:7b"
        assert document["card"]["zone"] == "device"
        assert document["card"]["size"] == "small"
        assert "price" in document["card"]["unknown"]
        assert "price: unknown" in added.err
        chats = [r for r in upstream.requests if r.path.endswith("/chat/completions")]
        assert len(chats) == 1
        asked = shell("ask", "hi", "--model", "local", "--json").json
        assert asked["model"] == "local"
    record = shell("audit", "show", document["probe"]["decision_id"], "--json").json
    assert record["kind"] == "probe"
    assert record["data_class"] == "public"
    assert shell("models", "add", "local", "--via", "ollama", code=1).err.count("already") == 1


def test_a_model_added_beside_a_server_is_served_at_once(server: Served) -> None:
    with ScriptedUpstream("yes", models=("one", "two")) as upstream:
        unclear = server.shell(
            "models", "add", "fresh", "--via", "openai", "--url", upstream.url, code=1
        )
        assert "--model" in unclear.err
        assert "one, two" in unclear.err
        arguments = ("models", "add", "fresh", "--via", "openai", "--url", upstream.url)
        added = server.shell(*arguments, "--model", "two", "--able", "write,plan")
        assert "in use" in added.err
        listed = server.shell("models", "list", "--json").json["models"]
        assert next(model for model in listed if model["name"] == "fresh")["able"] == [
            "plan",
            "write",
        ]
        assert server.shell("ask", "hi", "--model", "fresh").out == "yes\n"


def test_nothing_external_is_contacted_without_a_yes(server: Served) -> None:
    shell = server.shell
    with ScriptedUpstream("out there") as upstream:
        before = config(shell)
        arguments = ("models", "add", "out", "--via", "openai", "--url", upstream.url)
        refused = shell(*arguments, "--zone", "external", code=1)
        assert "--yes" in refused.err
        assert upstream.connections == 0
        assert config(shell) == before
        prices = ("--price-in", "2.50", "--price-out", "10")
        added = shell(*arguments, "--zone", "external", "--model", "test-model", *prices, "--yes")
        assert "undeclared_class" in added.err
        assert "input_usd_per_million: '2.50'" in config(shell)
        assert shell("ask", "hi", "--model", "out", "--class", "public").out == "out there\n"


def test_a_card_whose_probe_fails_is_written_only_with_yes_and_says_so(server: Served) -> None:
    shell = server.shell
    url = f"http://127.0.0.1:{free_port()}/v1"
    arguments = ("models", "add", "dead", "--via", "vllm", "--url", url, "--model", "m")
    refused = shell(*arguments, code=1)
    assert "--yes" in refused.err
    assert len(refused.err.splitlines()) == 1
    assert "dead:" not in config(shell)
    kept = shell(*arguments, "--yes", "--json")
    assert kept.json["probe"]["ok"] is False
    assert kept.json["probe"]["error"]["code"] == "model_unreachable"
    assert "the probe FAILED" in kept.err
    assert "dead:" in config(shell)


def test_a_probe_that_the_server_refuses_names_the_nearest_model(server: Served) -> None:
    shell = server.shell
    with ScriptedUpstream("x", models=("mistral-small",)) as upstream:
        upstream.script(Reply(text="no such model", status=404))
        result = shell(
            *("models", "add", "m", "--via", "vllm", "--url", upstream.url),
            *("--model", "mistral-smal"),
            code=1,
        )
        assert "did you mean 'mistral-small'?" in result.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--key", "sk-secret"), "env:NAME"),
        (("--price-in", "1"), "--price-out"),
        (("--url", "http://models.example.org", "--zone", "device"), "never zone `device`"),
    ],
)
def test_a_wrong_card_is_refused_before_anything_is_called(
    server: Served, options: tuple[str, ...], said: str
) -> None:
    result = server.shell(
        "models", "add", "wrong", "--via", "vllm", "--model", "m", *options, code=None
    )
    assert result.code in (1, 2)
    assert said in result.err
    assert "sk-secret" not in result.err


def test_questions_are_asked_on_a_terminal(server: Served) -> None:
    with ScriptedUpstream("hello") as upstream:
        arguments = ("models", "add", "asked", "--via", "openai", "--url", upstream.url)
        external = (*arguments, "--zone", "external")
        code, said = on_terminal(server.shell, external, "n")
        assert (code, upstream.connections) == (1, 0)
        assert "leaves your organisation" in said
        # yes; both prices; and what undeclared requests shall count as
        code, said = on_terminal(server.shell, external, "y", "3", "9", "public")
        assert code == 0, said
        assert "undeclared_class: public" in config(server.shell)
        assert "input_usd_per_million: '3'" in config(server.shell)
        assert server.shell("ask", "hi", "--model", "asked").out == "hello\n"


def on_terminal(shell: Shell, arguments: tuple[str, ...], *answers: str) -> tuple[int, str]:
    """Run a command with a person at the terminal who answers so."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [BEFIT, *arguments],
        cwd=shell.folder,
        env=shell.environ,
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    said = b""
    try:
        while part := os.read(ours, 4096):
            said += part
    except OSError:
        pass  # the terminal's other side was closed
    os.close(ours)
    return process.wait(timeout=30), said.decode()
