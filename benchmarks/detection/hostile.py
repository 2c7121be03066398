"""Texts made to be slow: twice the length must take twice the time, not four times."""

from __future__ import annotations

import time

from befit.policy.detection.recognition import Recognition

_BYTES = 500_000
_PIECES = (
    *("4", "4 ", "4111 1111 1111 1112 ", "card 4 1 ", "ssn 123456789 ", "tel 030 901820 "),
    *("@", "a@", "a@b.", "a.", " ", ":", "1::", "[(", "[at] ", "://a:b", "password=", '"'),
    *("api_key=aaaaaaaaa1", "eyJaaaaaaaaaaa.", "sk-", "A K I A ", "xoxb-", "+1 ", "GB82 "),
    *("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----!", "\u200b", "4\u200b", "\uff14"),
    *(
        "4,",
        "4\n",
        "4        ",
        "4111,1111\n1111;1112 ",
        "card 4,1 ",
        "ssn 5,3\n",
        "123,45,",
        "x4111111111111112",
    ),
    *(
        "sk-a1 ",
        "sk-a1b2\n",
        "sk- ",
        "sk-proj-aB3 ",
        "GB82,",
        "GB82WEST1234 ",
        "\x01",
        "4\x00",
        "://4",
    ),
    "".join(map(chr, range(0xE0100, 0xE01F0))) + "4",
)


def hostile() -> None:
    """Print milliseconds a MB for each, and how much longer twice the text takes."""
    print("\nhostile texts: processor milliseconds a MB, and how much longer twice the text takes")
    recognition = Recognition()
    worst = 0.0
    for piece in _PIECES:
        text = piece * (_BYTES // len(piece))
        half = _seconds(recognition, text[: len(text) // 2])
        whole = _seconds(recognition, text)
        worst = max(worst, whole / half)
        print(f"  {piece!r:32} {whole * 1000 / (len(text) / 1e6):8.0f} {whole / half:6.2f}")
    print(f"  most: {worst:.2f}")


def _seconds(recognition: Recognition, text: str) -> float:
    started = time.thread_time()
    recognition.detect(text)
    return time.thread_time() - started
