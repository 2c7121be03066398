"""Whom processes speak to: every connect of this one, and what others have open."""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_WATCHED = {"socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}


class _Watchers:
    """The lists that connects are told to; an audit hook can never be taken away again."""

    def __init__(self) -> None:
        self.lists: list[list[object]] = []
        self._is_installed = False

    def install(self) -> None:
        if not self._is_installed:
            self._is_installed = True
            sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in _WATCHED:
            told = arguments[1] if event in {"socket.connect", "socket.sendto"} else arguments[0]
            for each in self.lists:
                each.append(told)


_watchers = _Watchers()


@contextmanager
def addresses_spoken_to() -> Iterator[list[object]]:
    """Every address that this process connects to, and every name that it looks up."""
    _watchers.install()
    seen: list[object] = []
    _watchers.lists.append(seen)
    try:
        yield seen
    finally:
        _watchers.lists.remove(seen)


def peers_of(pid: int) -> set[tuple[str, int]]:
    """The far ends of a process's open internet sockets, listening ones apart."""
    inodes = set(_socket_inodes(pid))
    found: set[tuple[str, int]] = set()
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        table = Path(f"/proc/{pid}/net/{kind}")
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            fields = line.split()
            host, port = _address(fields[2])
            if fields[9] in inodes and port:
                found.add((host, port))
    return found


def _socket_inodes(pid: int) -> Iterator[str]:
    folder = Path(f"/proc/{pid}/fd")
    for entry in folder.iterdir():
        try:
            target = os.readlink(entry)  # noqa: PTH115 - a socket is no path
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            yield target[len("socket:[") : -1]


def _address(text: str) -> tuple[str, int]:
    """An address as the kernel prints it: little-endian words in hex."""
    host, _, port = text.partition(":")
    words = [int(host[start : start + 8], 16) for start in range(0, len(host), 8)]
    packed = b"".join(struct.pack("<I", word) for word in words)
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed), int(port, 16)
