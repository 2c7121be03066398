"""`Parser`: files parsed in a process of their own, so that no file harms the one who asks.

    with Parser() as parser:
        parsed = parser.parse(Path("handbook.pdf"), "handbook.pdf")

Blocking: call it from worker threads, of any number.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import msgspec

from befit.knowledge.parsing.child import Child, ChildDied, ChildSlow
from befit.knowledge.parsing.limits import ParseLimits
from befit.knowledge.parsing.parsed import Parsed
from befit.knowledge.parsing.text import parse_text
from befit.knowledge.parsing.unreadable import Unreadable
from befit.knowledge.parsing.wire import Reply, Request

_log = logging.getLogger(__name__)


class Parser:
    """Reads files within `limits`, each in one of at most `processes` processes.

    Processes are started when they are needed, read one file after the other, and are
    started anew after one that a file has killed.
    """

    def __init__(self, limits: ParseLimits | None = None, *, processes: int = 1) -> None:
        self._limits = limits or ParseLimits()
        self._idle: list[Child] = []
        self._turns = threading.BoundedSemaphore(processes)
        self._lock = threading.Lock()
        self._is_closed = False

    def parse(self, file: Path, name: str) -> Parsed:
        """What a file says.

        Args:
            file: where its bytes are.
            name: what it is called; its ending tells kinds of text apart.

        Raises:
            Unreadable: encrypted, damaged, hostile, too large, too slow, or of no known kind.
        """
        request = Request(file=str(file.absolute()), name=name, limits=self._limits)
        with self._turns:
            reply = self._asked(request)
        if reply.fault:
            _log.warning("reading %r failed: %s", name, reply.fault)
        if reply.parsed is None:
            raise Unreadable(reply.refusal, name, next_step=reply.next_step)
        return reply.parsed

    def parse_text(self, text: str, name: str = "") -> Parsed:
        """As the function `parse_text`, under this parser's limits."""
        return parse_text(text, name, self._limits)

    def close(self) -> None:
        """End the processes; those at work end when they have answered."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    def __enter__(self) -> Parser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _asked(self, request: Request) -> Reply:
        child = self._child()
        is_fit = False
        try:
            reply = child.ask(request, timeout_s=self._limits.timeout_s)
            is_fit = not reply.is_last
        except ChildSlow:
            return Reply(refusal=f"it takes longer than {self._limits.timeout_s:g} s to read")
        except ChildDied as died:
            return Reply(refusal=died.reason, fault=died.reason)
        except msgspec.MsgspecError as error:
            return Reply(refusal="its reader answered nonsense", fault=str(error)[:500])
        else:
            return reply
        finally:
            self._give_back(child, is_fit=is_fit)

    def _child(self) -> Child:
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.is_running:
                    return child
                child.end()
        return Child()

    def _give_back(self, child: Child, *, is_fit: bool) -> None:
        with self._lock:
            if is_fit and not self._is_closed:
                self._idle.append(child)
                return
        child.end()
