"""`python -m befit.gateway`: one gateway process, started by the supervisor."""

from __future__ import annotations

import logging
import sys

from befit.gateway.process import run


def main() -> int:
    """Run the process; log lines go to standard error, reports to standard output."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # Connections come and go by the thousand; only what needs somebody is worth a line.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return run(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    sys.exit(main())
