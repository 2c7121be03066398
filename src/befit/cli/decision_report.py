"""A decision record in words: what `befit audit show` prints.

From top to bottom it answers who asked, what could have answered, what was called and
checked, who decided, and what came of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from befit.audit import ApprovalRecord, CallRecord, DecisionRecord
from befit.cli.output import milliseconds, moment, money, one_line

_LABEL = 11
_SHORT_HASH = 12
_MARKS = {True: "+", False: "-"}


def decision_report(record: DecisionRecord) -> str:
    """The whole record, a section at a time; what a decision has not is left out."""
    sections = (
        _request(record),
        _candidates(record),
        _documents(record),
        _calls(record),
        _checks(record),
        _approvals(record),
        _reviews(record),
        _end(record),
    )
    return "\n\n".join("\n".join(section) for lines in sections if (section := list(lines)))


def _request(record: DecisionRecord) -> Iterator[str]:
    yield f"Decision {record.decision_id}: {record.status}"
    by = record.principal_id or "unknown"
    yield _line("asked by", f"{by}, {_time(record.opened_at)}, over {record.source or '?'}")
    asked = record.asked
    what = f"workflow {asked.workflow}" if asked.workflow else f"model {asked.model}"
    yield _line("asked for", f"{record.kind}, {what}" + (", streamed" if record.stream else ""))
    if record.input_sha256:
        yield _line("input", f"{record.input_bytes} bytes, sha256 {_short(record.input_sha256)}")
    tags = f", tags {', '.join(record.tags)}" if record.tags else ""
    origin = f" ({record.class_origin})" if record.class_origin else ""
    yield _line("data class", f"{record.data_class or 'unknown'}{origin}{tags}")
    if record.detected:
        yield _line("found", f"{', '.join(record.detected)} in the text")
    if record.workflow:
        yield _line(
            "workflow", f"{record.workflow.name}, version {_short(record.workflow.version)}"
        )
    if record.route:
        yield _line("route", " > ".join(record.route))
    if record.why:
        yield _line("because", record.why)


def _candidates(record: DecisionRecord) -> Iterator[str]:
    """Every card of the catalog: those that could answer, then those that could not."""
    out = {item.model: "; ".join(item.reasons) for item in record.candidates if not item.eligible}
    out |= record.excluded
    eligible = [item.model for item in record.candidates if item.model not in out]
    if not eligible and not out:
        return
    yield "Models considered"
    width = max(len(name) for name in (*eligible, *out))
    for name in eligible:
        yield f"  + {name:<{width}}  eligible"
    for name, reason in out.items():
        yield f"  - {name:<{width}}  {one_line(reason)}"


def _documents(record: DecisionRecord) -> Iterator[str]:
    """The passages that were found, a `*` before those that the answer cites."""
    if record.index_epoch is None:
        return
    epochs = f"index {record.index_epoch}, rights {record.access_epoch}"
    yield f"Documents of {', '.join(record.collections)} ({epochs})"
    if not record.passages:
        yield "  nothing found that the reader may read"
    spans: dict[str, list[str]] = {}
    for cited in record.citations:
        spans.setdefault(cited.passage_id, []).append(f"{cited.start}-{cited.end}")
    for passage in record.passages:
        where = spans.get(passage.passage_id)
        cited_at = f", cited at characters {', '.join(where)}" if where else ""
        yield (
            f"  {'*' if where else ' '} {passage.collection}/{one_line(passage.doc_id)}, "
            f"passage {passage.passage_id}, {passage.data_class}, "
            f"version {_short(passage.version)}{cited_at}"
        )
    if record.found is not None:
        odds = "" if record.probability is None else f" (probability {record.probability:.2f})"
        yield f"  the documents {'say' if record.found else 'do not say'}{odds}"


def _calls(record: DecisionRecord) -> Iterator[str]:
    if not record.calls:
        return
    yield "Calls"
    rows = [_call_cells(call) for call in record.calls]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row, call in zip(rows, record.calls, strict=True):
        cells = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {cells}".rstrip()
        if call.rules:
            yield f"      by rules {', '.join(call.rules)}"
        if call.because:
            yield f"      because {one_line(call.because)}"
        if call.error:
            yield f"      error {one_line(call.error)}"


def _call_cells(call: CallRecord) -> tuple[str, ...]:
    used = call.usage
    tokens = f"{used.input} + {used.output} tokens" if used else ""
    most = f"of at most {money(call.most_usd)}" if call.most_usd else ""
    return (
        call.purpose,
        call.model,
        f"{call.zone or ''}, redacted" if call.form == "redacted" else call.zone or "",
        call.outcome or "under way",
        milliseconds(call.latency_ms),
        tokens,
        f"{money(call.cost_usd)} {most}".strip() if call.outcome else most,
    )


def _checks(record: DecisionRecord) -> Iterator[str]:
    if not record.checks:
        return
    yield "Checks"
    for check in record.checks:
        score = "" if check.score is None else f" {check.score:.3f}"
        verdict = "passed" if check.passed else "failed"
        detail = f": {one_line(check.detail)}" if check.detail else ""
        yield f"  {_MARKS[check.passed]} {check.name}{score} {verdict}{detail}"


def _approvals(record: DecisionRecord) -> Iterator[str]:
    if not record.approvals:
        return
    yield "Person"
    for approval in record.approvals:
        yield f"  {approval.approval_id}  {_resolution(approval)}"
        if approval.reason:
            yield f"      because {one_line(approval.reason)}"


def _reviews(record: DecisionRecord) -> Iterator[str]:
    if not record.reviews:
        return
    yield "Feedback"
    for review in record.reviews:
        yield f"  {review.rating}, by {review.by or 'unknown'}, {_time(review.at)}"
        if review.about:
            yield f"      of passages {', '.join(review.about)}"
        if review.note:
            yield f"      {one_line(review.note)}"


def _resolution(approval: ApprovalRecord) -> str:
    if approval.resolution is None:
        return f"waits until {moment(approval.due)}"
    return f"{approval.resolution} by {approval.by or 'nobody in time'}"


def _end(record: DecisionRecord) -> Iterator[str]:
    yield f"Outcome: {record.status}"
    if record.model:
        yield _line(
            "model", f"{record.model} ({record.zone}), evidence: {record.evidence or 'none'}"
        )
    if record.error:
        yield _line("error", f"{record.error.code}: {one_line(record.error.message)}")
    if record.output_sha256:
        yield _line("output", f"sha256 {_short(record.output_sha256)}")
    if record.closed_at or record.latency_ms is not None:
        yield _line("cost", money(record.cost_usd))
        own = milliseconds(record.overhead_ms)
        yield _line("latency", f"{milliseconds(record.latency_ms)}, of which Befit's own {own}")
    yield _line("policy", ", ".join(_short(policy) for policy in record.policies) or "none")
    erased = f", {record.erased_events} erased" if record.erased_events else ""
    yield _line("ledger", f"{record.events} events{erased}; befit audit verify checks them")


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}} {text}"


def _short(digest: str | None) -> str:
    if digest is None:
        return "unknown"
    kind, _, value = digest.rpartition(":")
    return f"{kind}:{value[:_SHORT_HASH]}" if kind else value[:_SHORT_HASH]


def _time(text: str | None) -> str:
    if text is None:
        return "at an unknown time"
    try:
        return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return text
