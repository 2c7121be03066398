"""A company's own check that fails: the answer does not pass, and only the log says why."""

from __future__ import annotations

import logging

import pytest

from befit.catalog import Check, CheckKind, Workflow
from befit.messages import ChatCompletion
from befit.routing import CheckResult, check_answer


def test_a_named_check_that_raises_fails_the_answer_and_is_logged_not_told(
    caplog: pytest.LogCaptureFixture,
):
    def broken(_workflow: Workflow, _answer: ChatCompletion) -> CheckResult:
        raise RuntimeError("postgres://user:secret@db")

    workflow = Workflow(name="w", version="1", check=Check(kind=CheckKind.NAMED, name="ours"))
    answer = ChatCompletion(fields={}, text="x", finish_reason="stop")
    with caplog.at_level(logging.ERROR, "befit.routing"):
        found = check_answer(workflow, answer, {"ours": broken})
    assert found is not None
    assert not found.passed
    assert "secret" not in found.detail
    (record,) = caplog.records
    assert record.exc_info is not None
    assert "ours" in record.getMessage()
