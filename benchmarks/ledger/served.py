"""One gateway process as a supervisor would run it, with the real ledger or without one.

python -m benchmarks.ledger.served WORKSPACE PORT real|memory
"""

from __future__ import annotations

import io
import os
import secrets
import sys
from pathlib import Path
from typing import cast

import msgspec

from befit.audit import FileLedger
from befit.catalog import Workspace, WorkspaceLock
from befit.gateway import process
from befit.gateway.listening import Address, listening_socket
from befit.gateway.orders import Order
from befit.platform import base
from benchmarks.ledger.memory_ledger import open_memory_ledger


def main(folder: str, port: str, ledger: str) -> None:
    """Serve until terminated."""
    if ledger == "memory":
        base.open_ledger = cast("type[FileLedger]", open_memory_ledger)
    workspace = Workspace.at(Path(folder))
    reading, writing = os.pipe()
    with (
        WorkspaceLock(workspace),
        listening_socket(Address(host="127.0.0.1", port=int(port))) as listener,
    ):
        order = Order(
            workspace=folder,
            boot_key=secrets.token_bytes(32),
            models_socket=str(workspace.run_dir / "none.sock"),
            listener=os.dup(listener.fileno()),
        )
        os.write(writing, msgspec.json.encode(order) + b"\n")
        with os.fdopen(reading, "rb") as order_input:
            sys.exit(process.run(order_input, io.BytesIO()))


if __name__ == "__main__":
    main(*sys.argv[1:])
