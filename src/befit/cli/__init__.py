"""The command line: one file a command, loaded only when it is called."""

from befit.cli.main import main

__all__ = ["main"]
