"""The door for programs: the OpenAI-compatible API, Befit's own, and the control socket."""

from befit.gateway.control_client import ControlClient, connect

__all__ = ["ControlClient", "connect"]
