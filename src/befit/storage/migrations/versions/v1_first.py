"""The first schema. Money is whole nano-dollars, lists of words are JSON text."""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    text,
)

revision = "1"
down_revision = None

_ColumnType = Text | Integer | BigInteger | Double[float] | Boolean | LargeBinary


def upgrade() -> None:
    """Create every table."""
    _identity_and_budgets()
    _ledger_index()
    _decisions()
    _calls()
    _approvals()
    _runs_and_conversations()
    _catalog()


def _required(type_: _ColumnType, *names: str) -> list[Column[object]]:
    return [Column(name, type_, nullable=False) for name in names]


def _optional(type_: _ColumnType, *names: str) -> list[Column[object]]:
    return [Column(name, type_) for name in names]


def _key(table: str, *names: str) -> PrimaryKeyConstraint:
    return PrimaryKeyConstraint(*names, name=f"pk_{table}")


def _index(table: str, *names: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(names)}", table, list(names))


def _partial_index(name: str, table: str, column: str, *, where: str) -> None:
    op.create_index(name, table, [column], sqlite_where=text(where), postgresql_where=text(where))


def _identity_and_budgets() -> None:
    op.create_table(
        "api_keys",
        *_required(Text(), "id", "tenant", "name", "secret_sha256", "roles", "workflows"),
        *_optional(BigInteger(), "budget_usd"),
        *_required(Text(), "budget_period"),
        *_required(Double(), "created_at"),
        *_optional(Double(), "expires_at", "revoked_at"),
        _key("api_keys", "id"),
    )
    op.create_table(
        "budgets",
        *_required(Text(), "tenant", "scope", "period"),
        *_required(BigInteger(), "granted_usd"),
        _key("budgets", "tenant", "scope", "period"),
    )


def _ledger_index() -> None:
    op.create_table(
        "checkpoints",
        *_required(Text(), "name", "note"),
        *_required(Double(), "at"),
        _key("checkpoints", "name"),
    )
    op.create_table(
        "logs",
        *_required(Text(), "log"),
        *_required(BigInteger(), "events", "leaf_offset", "sealed_offset"),
        _key("logs", "log"),
    )
    op.create_table(
        "events",
        *_required(Text(), "tenant", "decision_id", "log"),
        *_required(BigInteger(), "position"),
        *_required(Text(), "type"),
        *_required(Double(), "at"),
        *_required(BigInteger(), "leaf_offset", "sealed_offset"),
        _key("events", "tenant", "decision_id", "log", "position"),
        sqlite_with_rowid=False,
    )


def _decisions() -> None:
    op.create_table(
        "decisions",
        *_required(Text(), "tenant", "decision_id"),
        *_optional(Text(), "kind", "source", "principal_id", "key_id"),
        *_optional(Text(), "asked_model", "asked_workflow"),
        *_optional(Double(), "opened_at"),
        *_optional(Text(), "day", "workflow", "workflow_version", "model", "zone"),
        *_optional(Text(), "evidence", "data_class", "approval_id", "resolution"),
        *_optional(Double(), "closed_at"),
        *_optional(Text(), "status", "error_code"),
        *_optional(Integer(), "input_tokens", "cached_input_tokens"),
        *_optional(Integer(), "output_tokens", "reasoning_tokens"),
        *_optional(BigInteger(), "cost_usd"),
        *_optional(Double(), "latency_ms", "overhead_ms"),
        _key("decisions", "tenant", "decision_id"),
        sqlite_with_rowid=False,
    )
    _index("decisions", "tenant", "opened_at")
    _partial_index("ix_decisions_open", "decisions", "opened_at", where="closed_at IS NULL")


def _calls() -> None:
    op.create_table(
        "calls",
        *_required(Text(), "tenant", "decision_id", "permit_id", "step"),
        *_required(Double(), "at"),
        *_required(Text(), "day"),
        *_optional(Text(), "purpose", "model", "zone", "data_class", "evidence"),
        *_optional(Text(), "workflow", "key_id"),
        *_optional(BigInteger(), "most_usd"),
        *_optional(Text(), "reserved_log"),
        *_optional(BigInteger(), "reserved_position"),
        *_optional(Double(), "settled_at"),
        *_optional(Text(), "outcome", "error"),
        *_optional(Integer(), "input_tokens", "cached_input_tokens"),
        *_optional(Integer(), "output_tokens", "reasoning_tokens"),
        *_optional(BigInteger(), "cost_usd"),
        *_optional(Double(), "latency_ms", "first_token_ms"),
        *_optional(Integer(), "rows"),
        _key("calls", "tenant", "decision_id", "permit_id"),
        sqlite_with_rowid=False,
    )
    _index("calls", "tenant", "at")
    _partial_index("ix_calls_unsettled", "calls", "at", where="settled_at IS NULL")
    op.create_table(
        "call_scopes",
        *_required(Text(), "tenant", "scope", "decision_id", "permit_id"),
        _key("call_scopes", "tenant", "scope", "decision_id", "permit_id"),
        ForeignKeyConstraint(
            ["tenant", "decision_id", "permit_id"],
            ["calls.tenant", "calls.decision_id", "calls.permit_id"],
            name="fk_call_scopes_calls",
        ),
        sqlite_with_rowid=False,
    )


def _approvals() -> None:
    op.create_table(
        "approvals",
        *_required(Text(), "id", "tenant", "kind", "decision_id", "run_id", "workflow", "step"),
        *_required(LargeBinary(), "payload"),
        *_required(Text(), "payload_sha256", "requester_id", "requester_name"),
        *_required(Text(), "reviewers", "status"),
        *_required(Double(), "created_at", "due"),
        *_optional(Text(), "resolved_by"),
        *_optional(Double(), "resolved_at"),
        *_required(Boolean(), "self_approved"),
        *_optional(LargeBinary(), "note", "edited"),
        *_optional(Text(), "edited_sha256"),
        _key("approvals", "id"),
    )
    _index("approvals", "tenant", "status", "id")
    _index("approvals", "status", "due")


def _runs_and_conversations() -> None:
    op.create_table(
        "runs",
        *_required(Text(), "run_id", "tenant", "decision_id", "workflow", "principal_id"),
        *_required(Text(), "status"),
        *_optional(LargeBinary(), "output"),
        *_required(Double(), "created_at"),
        *_optional(Double(), "finished_at"),
        *_optional(Text(), "approval_id"),
        _key("runs", "run_id"),
    )
    _index("runs", "tenant", "run_id")
    op.create_table(
        "conversations",
        *_required(Text(), "tenant", "principal_id", "conversation"),
        *_required(Integer(), "joined_class"),
        _key("conversations", "tenant", "principal_id", "conversation"),
    )


def _catalog() -> None:
    op.create_table(
        "evaluations",
        *_required(Integer(), "seq"),
        *_required(Text(), "tenant", "workflow", "workflow_version", "model", "model_version"),
        *_required(Integer(), "n"),
        *_required(Double(), "score", "lo", "hi", "p95_ms"),
        *_optional(BigInteger(), "cost_usd_per_1000"),
        *_required(Text(), "cases_sha256", "metric"),
        *_required(Double(), "at"),
        _key("evaluations", "seq"),
    )
    _index("evaluations", "tenant", "workflow", "model", "at")
    op.create_table(
        "workflow_versions",
        *_required(Text(), "tenant", "name", "version", "content"),
        _key("workflow_versions", "tenant", "name", "version"),
    )
