"""`befit approvals`: see what waits for a person, and decide on it."""

from __future__ import annotations

import textwrap

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import example, json_option, text_of, workspace_option
from befit.cli.output import Document, moment, one_line, print_json, say, table
from befit.cli.session import perform

_STATUSES = ("pending", "approved", "rejected", "edited", "expired", "all")


class _Approval(msgspec.Struct):
    """What is printed of an approval's document."""

    id: str
    kind: str
    workflow: str
    status: str
    payload: str | None
    payload_sha256: str
    requester: str
    due: float
    decision_id: str
    run_id: str
    created_at: float
    reviewers: list[str] = []
    resolved_by: str | None = None
    note: str | None = None
    edited: str | None = None


class _Approvals(msgspec.Struct):
    approvals: list[_Approval]


class _Payload(msgspec.Struct):
    """What a person decides on, for the kind `answer`."""

    request: str = ""
    answer: str | None = None
    model: str | None = None
    reason: str | None = None


@click.group(epilog=example("befit approvals list", "befit approvals approve apr_0192.."))
def command() -> None:
    """Decide on answers that wait for a person."""


@command.command(name="list", epilog=example("befit approvals list --status all --json"))
@click.option(
    "--status", type=click.Choice(_STATUSES), default="pending", show_default=True, help="Which."
)
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="Most.")
@click.option("--before", metavar="ID", help="Those older than this one: the next page.")
@json_option
@workspace_option
def list_approvals(
    workspace: Workspace, status: str, limit: int, before: str | None, as_json: bool
) -> None:
    """List approvals, newest first."""
    params = {"status": status, "limit": limit, "before": before}
    document = perform(workspace, "approvals.list", params)
    if as_json:
        print_json(document)
        return
    found = msgspec.convert(document, _Approvals).approvals
    if not found:
        say("nothing waits for a person" if status == "pending" else "there are none")
        return
    rows = [
        (
            each.id,
            each.status,
            each.workflow or "-",
            each.requester,
            moment(each.due),
            one_line(_payload(each).request, most=50),
        )
        for each in found
    ]
    click.echo(table(("id", "status", "workflow", "requester", "due", "request"), rows))


@command.command(epilog=example("befit approvals show apr_0192.."))
@click.argument("approval_id", metavar="ID")
@json_option
@workspace_option
def show(workspace: Workspace, approval_id: str, as_json: bool) -> None:
    """Show what waits: the request, the proposed answer, and why it is here."""
    _print(perform(workspace, "approvals.show", {"id": approval_id}), as_json)


def _deciding(function: click.decorators.FC) -> click.decorators.FC:
    """The options of every decision."""
    for option in (
        workspace_option,
        json_option,
        click.option("--note", help="Why; kept with the decision."),
        click.option(
            "--payload-sha256",
            metavar="HASH",
            help="Decide only if the payload still has this hash, as `show` printed it.",
        ),
        click.argument("approval_id", metavar="ID"),
    ):
        function = option(function)
    return function


@command.command(epilog=example("befit approvals approve apr_0192.. --note 'checked with legal'"))
@_deciding
def approve(
    workspace: Workspace,
    approval_id: str,
    payload_sha256: str | None,
    note: str | None,
    as_json: bool,
) -> None:
    """Release the proposed answer as it is."""
    params = {"id": approval_id, "payload_sha256": payload_sha256, "note": note}
    _print(perform(workspace, "approvals.approve", params), as_json)


@command.command(epilog=example("befit approvals reject apr_0192.. --note 'wrong customer'"))
@_deciding
def reject(
    workspace: Workspace,
    approval_id: str,
    payload_sha256: str | None,
    note: str | None,
    as_json: bool,
) -> None:
    """Refuse the proposed answer for good."""
    params = {"id": approval_id, "payload_sha256": payload_sha256, "note": note}
    _print(perform(workspace, "approvals.reject", params), as_json)


@command.command(epilog=example("befit approvals edit apr_0192.. --answer 'We refund you today.'"))
@click.option("--answer", required=True, help="The answer to release instead; - reads stdin.")
@_deciding
def edit(
    workspace: Workspace,
    approval_id: str,
    payload_sha256: str | None,
    note: str | None,
    answer: str,
    as_json: bool,
) -> None:
    """Release another answer in the proposed one's place."""
    params = {
        "id": approval_id,
        "payload_sha256": payload_sha256,
        "note": note,
        "answer": text_of(answer),
    }
    _print(perform(workspace, "approvals.edit", params), as_json)


def _print(document: Document, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    approval = msgspec.convert(document, _Approval)
    proposed = _payload(approval)
    decided = f" by {approval.resolved_by}" if approval.resolved_by else ""
    lines = [
        f"{approval.id}  {approval.status}{decided}",
        f"  workflow   {approval.workflow or 'none'} ({approval.kind})",
        f"  requester  {approval.requester}, {moment(approval.created_at)}",
        f"  due        {moment(approval.due)}",
        f"  reviewers  {', '.join(approval.reviewers) or 'administrators and reviewers'}",
        f"  because    {proposed.reason or '-'}",
        f"  payload    sha256 {approval.payload_sha256}",
        f"  decision   {approval.decision_id}",
    ]
    if approval.note:
        lines.append(f"  note       {approval.note}")
    lines += ["Request", _block(proposed.request)]
    proposing = f"Proposed answer ({proposed.model})" if proposed.model else "Proposed answer"
    lines += [proposing, _block(proposed.answer or "none: no model could give one")]
    if approval.edited is not None:
        lines += ["Released instead", _block(_payload_of(approval.edited).answer or "")]
    click.echo("\n".join(lines))
    if approval.status == "pending":
        say(f"decide: befit approvals approve|reject|edit {approval.id}")


def _payload(approval: _Approval) -> _Payload:
    return _payload_of(approval.payload or "{}")


def _payload_of(text: str) -> _Payload:
    try:
        return msgspec.json.decode(text, type=_Payload)
    except msgspec.DecodeError:  # another kind's payload is shown as it stands
        return _Payload(request=text)


def _block(text: str) -> str:
    return textwrap.indent(text, "  ")
