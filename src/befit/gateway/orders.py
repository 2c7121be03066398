"""What supervisor and gateway process tell each other over the process's pipes."""

from __future__ import annotations

import msgspec

from befit.gateway.control_wire import ErrorTold


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway process is asked for. `listener` is an inherited file descriptor."""

    workspace: str
    boot_key: bytes
    models_socket: str
    listener: int
    log: str = "0"


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What it answers: ready, with what a crash had left to put right; or why it never will be.

    Later ones carry a `notice`: something that whoever runs the server should know.
    """

    ready: bool = False
    closed_decisions: int = 0
    settled_calls: int = 0
    error: ErrorTold | None = None
    notice: str | None = None
