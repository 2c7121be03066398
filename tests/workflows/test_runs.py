from __future__ import annotations

from befit.workflows import RunStatus


def test_only_running_and_waiting_runs_may_still_change() -> None:
    changing = {status for status in RunStatus if not status.is_final}
    assert changing == {RunStatus.RUNNING, RunStatus.PENDING_PERSON}
