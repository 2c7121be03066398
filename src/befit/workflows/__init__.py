"""Executing workflows: runs and where they are kept."""

from befit.workflows.runs import Finish, Run, RunPage, RunStatus, RunStore

__all__ = ["Finish", "Run", "RunPage", "RunStatus", "RunStore"]
