"""What README.md and docs/ show, runs. `pages.py` says how an example is marked."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Block, pages, runnable_blocks

LIMIT_S = 240


def _cases() -> Iterator[object]:
    for page in pages():
        blocks = runnable_blocks(page)
        marks = [pytest.mark.heavy] if any("heavy" in block.flags for block in blocks) else []
        if blocks:
            name = page.relative_to(ROOT).as_posix()
            yield pytest.param(blocks, id=name, marks=[*marks, pytest.mark.timeout(2 * LIMIT_S)])


@pytest.mark.parametrize("blocks", list(_cases()))
def test_the_examples_of_a_page_run_in_order(
    blocks: list[Block], tmp_path_factory: pytest.TempPathFactory
) -> None:
    page = _Page(tmp_path_factory.mktemp("page"))  # short: a socket's path has little room
    with ExitStack() as running:
        for block in blocks:
            if "background" in block.flags:
                running.enter_context(page.started(block))
            else:
                page.run(block)


class _Page:
    """One page's folder, and the environment its blocks hand on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "in"
        self._folder.mkdir()
        self._state = folder / "state.sh"
        self._state.write_text("")
        scripts = Path(sys.executable).parent
        self._env = {
            **os.environ,
            "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
            "NO_COLOR": "1",
            "COLUMNS": "100",
        }

    def run(self, block: Block) -> None:
        """Run a block to its end and compare it with what the page says."""
        done = subprocess.run(
            ["bash", "-c", self._script(block)],
            cwd=self._folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        printed = f"{block.where}\n{block.code}\nprinted:\n{done.stdout}{done.stderr}"
        assert done.returncode == block.exit_code, f"exit {done.returncode}: {printed}"
        for text in block.expected:
            assert text in done.stdout + done.stderr, f"did not print {text!r}: {printed}"

    @contextmanager
    def started(self, block: Block) -> Generator[None]:
        """Start a block, wait until it has printed a URL, and stop it at the end."""
        process = subprocess.Popen(
            ["bash", "-c", self._script(block)],
            cwd=self._folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout
        printed: list[str] = []
        ready = threading.Event()

        def read(lines: Iterator[str]) -> None:
            for line in lines:
                printed.append(line)
                if "http://" in line:
                    ready.set()
            ready.set()

        reader = threading.Thread(target=read, args=(process.stdout,), daemon=True)
        reader.start()
        try:
            assert ready.wait(LIMIT_S) and process.poll() is None, (
                f"{block.where} did not start:\n{''.join(printed)}"
            )
            yield
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=60)
            reader.join(timeout=10)

    def _script(self, block: Block) -> str:
        """The block in a shell that takes over and hands on variables and the folder."""
        state = shlex.quote(str(self._state))
        before = f"set -euo pipefail\nsource {state}\n"
        if block.language == "python":
            return f"{before}exec python -c {shlex.quote(block.code)}\n"
        hand_on = f"{{ export -p; printf 'cd %q\\n' \"$PWD\"; }} > {state}"
        # A block that must fail is left by `set -e`, hence the trap.
        return f"{before}trap {shlex.quote(hand_on)} EXIT\n{block.code}"
