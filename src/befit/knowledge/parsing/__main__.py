"""The parsing process: `python -P -m befit.knowledge.parsing PIPE`, started by `Parser`.

It reads requests from its standard input, one file after the other, and answers on its
standard output. Whatever a file does to it, it does to this process alone.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import BinaryIO

import msgspec

from befit.knowledge.parsing.confinement import bound_cpu, confine, end_with, resident_bytes
from befit.knowledge.parsing.reading import read
from befit.knowledge.parsing.unreadable import Unreadable
from befit.knowledge.parsing.wire import LENGTH, Reply, Request, framed

_MOST_FILES = 500
_MOST_RESIDENT_BYTES = 400 << 20


def main() -> None:
    """Read files until the parent closes the pipe, or enough of them were read."""
    requests, replies = sys.stdin.buffer, _own_output()
    end_with(int(sys.argv[1]))
    confined = False
    for count in range(1, _MOST_FILES + 1):
        request = _received(requests)
        if request is None:
            return
        if not confined:
            confine(request.limits.memory_bytes)
            confined = True
        bound_cpu(request.limits.timeout_s)
        reply = _replied(request)
        is_last = count == _MOST_FILES or resident_bytes() > _MOST_RESIDENT_BYTES
        replies.write(_frame(msgspec.structs.replace(reply, is_last=is_last)))
        replies.flush()
        if is_last:
            return


def _own_output() -> BinaryIO:
    """What answers go to; a library that prints does not reach it."""
    kept = os.dup(sys.stdout.fileno())
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return os.fdopen(kept, "wb")


def _received(requests: BinaryIO) -> Request | None:
    prefix = requests.read(LENGTH.size)
    if len(prefix) < LENGTH.size:
        return None
    return msgspec.msgpack.decode(requests.read(LENGTH.unpack(prefix)[0]), type=Request)


def _replied(request: Request) -> Reply:
    try:
        return Reply(parsed=read(Path(request.file), request.name, request.limits))
    except Unreadable as error:
        return Reply(refusal=error.reason, next_step=error.next_step)
    except MemoryError:
        return _too_much_memory(request)
    except RecursionError:
        return Reply(refusal="it is nested too deeply")
    except OSError as error:
        return Reply(refusal=f"it cannot be opened: {error.strerror or error}")
    except Exception as error:  # noqa: BLE001 - a process boundary; the parent logs it
        return Reply(
            refusal=f"its reader failed ({type(error).__name__})",
            fault=f"{type(error).__name__} in {_place(error)}",
        )


def _place(error: Exception) -> str:
    """Where it was raised; its message may quote the file, which no log is to hold."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{Path(last.filename).name}, line {last.lineno}"


def _too_much_memory(request: Request) -> Reply:
    return Reply(refusal=f"it takes more than {request.limits.memory_bytes >> 20} MB to read")


def _frame(reply: Reply) -> bytes:
    try:
        return framed(reply)
    except MemoryError:
        return framed(Reply(refusal="it takes more memory to read than it may", is_last=True))


if __name__ == "__main__":
    main()
