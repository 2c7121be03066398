"""One file a command; `befit.cli.main` names them."""

__all__ = ()
