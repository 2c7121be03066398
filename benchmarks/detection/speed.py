"""How long a kilobyte takes, beside the usual way: one expression after the other."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from statistics import median, quantiles

from befit.policy.detection.recognition import Recognition
from benchmarks.detection.texts import PROSE, prose

_BLOCK = 1024
_ROUNDS = 3

# What a detector of the usual kind runs one by one over each text: a pattern a type, its checks
# left out, so this is the least that it costs.
_ONE_BY_ONE = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?!1\d{12}(?!\d))(4\d{3}|5[0-5]\d{2}|[136]\d{3})[- ]?\d{3,4}[- ]?\d{3,4}[- ]?\d{3,5}\b",
        r"\b[!#$%&'*+\-/=?^_`{|}~\w][!#$%&'*+\-/=?^_`{|}~.\w]{0,63}@\w+([-.]\w+)*\.\w+([-.]\w+)*\b",
        r"\b[A-Z]{2}[ -]?[0-9]{2}(?=(?:[ -]?[A-Z0-9]){9,30})(?:[ -]?[A-Z0-9]{3,5}){2,7}\b",
        r"\b(?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\b",
        r"\b(([0-9a-fA-F]{1,4}:){7,7}[0-9a-fA-F]{1,4}|([0-9a-fA-F]{1,4}:){1,6}:[0-9a-fA-F]{1,4})\b",
        r"\b([0-9]{3})[- .]([0-9]{2})[- .]([0-9]{4})\b",
        r"\b(9\d{2})[- ]((5[0-9]|6[0-5]|7\d|8[0-8]|9([0-2]|[4-9])))[- ](\d{4})\b",
        r"\b([0-9]{3})[- ]?([0-9]{3})[- ]?([0-9]{4})\b",
        r"\b[0-9]?[0-9]{7}[-]?[A-Z]\b",
        r"\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b",
        r"\b\d{4}((0[1-9])|(1[0-2]))((0[1-9])|([12]\d)|(3[01]))\d{3}\b",
        r"\b(\+\d{1,3}[ -]?)?\(?\d{2,4}\)?[ -]?\d{3,4}[ -]?\d{3,4}\b",
        r"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
        r"\bgh[pousr]_[0-9a-zA-Z]{36}\b",
        r"\bxox[baprs]-[0-9a-zA-Z-]{10,}\b",
        r"\bsk-[0-9a-zA-Z_-]{20,}\b",
        r"\beyJ[\w-]+\.[\w-]+\.[\w-]*",
        r"(password|passwd|pwd|secret|api[_-]?key|token)\s*[:=]\s*\S{6,}",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
        r"https?://[^\s/$.?#].[^\s]*",
    )
]


def speed() -> None:
    """Print microseconds a kilobyte, over texts joined to blocks of about one."""
    print("speed: microseconds a KB of text, whole KB blocks, processor time, best of 3 rounds")
    print(
        f"  {'texts':18} {'blocks':>6} {'p50':>6} {'p95':>6} {'one by one, p50':>16} {'ratio':>6}"
    )
    recognition = Recognition()
    for name in PROSE:
        blocks = _blocks(prose(name))
        if len(blocks) < 2:
            continue
        ours = _microseconds(blocks, recognition.detect)
        usual = _microseconds(blocks, _one_by_one)
        p50, p95 = median(ours), quantiles(ours, n=20)[-1]
        base = median(usual)
        print(f"  {name:18} {len(blocks):6} {p50:6.0f} {p95:6.0f} {base:16.0f} {p50 / base:6.2f}")


def _blocks(texts: Sequence[str]) -> list[str]:
    """Texts as they are where they are long, short ones joined by lines."""
    blocks: list[str] = []
    parts: list[str] = []
    size = 0
    for text in texts:
        parts.append(text)
        size += len(text)
        if size >= _BLOCK:
            blocks.append("\n".join(parts))
            parts, size = [], 0
    return blocks[:400]


def _microseconds(blocks: Sequence[str], work: Callable[[str], object]) -> list[float]:
    best: list[float] = []
    for block in blocks:
        seconds: list[float] = []
        for _ in range(_ROUNDS):
            started = time.thread_time()
            work(block)
            seconds.append(time.thread_time() - started)
        best.append(min(seconds) * 1e6 / (len(block.encode()) / 1024))
    return best


def _one_by_one(text: str) -> int:
    return sum(sum(1 for _ in pattern.finditer(text)) for pattern in _ONE_BY_ONE)
