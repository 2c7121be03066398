"""The tables. Times are Unix seconds; every row carries its tenant."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    literal_column,
)

from befit.storage.columns import Usd, Words

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _required(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


API_KEYS = Table(
    "api_keys",
    METADATA,
    _key("id"),
    _required("tenant"),
    _required("name"),
    _required("secret_sha256"),
    Column("roles", Words, nullable=False),
    Column("workflows", Words, nullable=False),
    Column("budget_usd", Usd),
    _required("budget_period"),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("revoked_at", Double),
    Column("person_id", Text),
)

PEOPLE = Table(
    "people",
    METADATA,
    _key("id"),
    _required("tenant"),
    _required("name"),
    Column("email", Text),
    Column("roles", Words, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("disabled_at", Double),
    Index(None, "tenant", "name", unique=True),
)

PERSON_SUBJECTS = Table(
    "person_subjects",
    METADATA,
    _key("tenant"),
    _key("issuer"),
    _key("sub"),
    _required("person_id"),
    Index(None, "person_id"),
)

PRINCIPAL_GROUPS = Table(
    "principal_groups",
    METADATA,
    _key("tenant"),
    _key("name"),
    _required("description"),
    Column("created_at", Double, nullable=False),
)

GROUP_MEMBERS = Table(
    "group_members",
    METADATA,
    _key("tenant"),
    _key("member"),
    _key("name"),
    Index(None, "tenant", "name"),
)

BUDGETS = Table(
    "budgets",
    METADATA,
    _key("tenant"),
    _key("scope"),
    _key("period"),
    Column("granted_usd", Usd, nullable=False),
)

CHECKPOINTS = Table(
    "checkpoints",
    METADATA,
    _key("name"),
    _required("note"),
    Column("at", Double, nullable=False),
)

LOGS = Table(
    "logs",
    METADATA,
    _key("log"),
    Column("events", BigInteger, nullable=False),
    Column("leaf_offset", BigInteger, nullable=False),
    Column("sealed_offset", BigInteger, nullable=False),
)

# The tables that the ledger feeds are kept in the order of their keys and have few indexes:
# each further tree costs every request, and each begins with what is asked for most.

EVENTS = Table(
    "events",
    METADATA,
    _key("tenant"),
    _key("decision_id"),
    _key("log"),
    Column("position", BigInteger, primary_key=True),
    _required("type"),
    Column("at", Double, nullable=False),
    Column("leaf_offset", BigInteger, nullable=False),
    Column("sealed_offset", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

DECISIONS = Table(
    "decisions",
    METADATA,
    _key("tenant"),
    _key("decision_id"),
    Column("kind", Text),
    Column("source", Text),
    Column("principal_id", Text),
    Column("key_id", Text),
    Column("asked_model", Text),
    Column("asked_workflow", Text),
    Column("opened_at", Double),
    Column("day", Text),
    Column("workflow", Text),
    Column("workflow_version", Text),
    Column("model", Text),
    Column("zone", Text),
    Column("evidence", Text),
    Column("data_class", Text),
    Column("approval_id", Text),
    Column("resolution", Text),
    Column("closed_at", Double),
    Column("status", Text),
    Column("error_code", Text),
    Column("input_tokens", Integer),
    Column("cached_input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("reasoning_tokens", Integer),
    Column("cost_usd", Usd),
    Column("latency_ms", Double),
    Column("overhead_ms", Double),
    Index(None, "tenant", "opened_at"),
    Index(None, "tenant", "principal_id", "opened_at"),
    sqlite_with_rowid=False,
)

CALLS = Table(
    "calls",
    METADATA,
    _key("tenant"),
    _key("decision_id"),
    _key("permit_id"),
    _required("step"),
    Column("at", Double, nullable=False),
    _required("day"),
    Column("purpose", Text),
    Column("model", Text),
    Column("zone", Text),
    Column("data_class", Text),
    Column("evidence", Text),
    Column("workflow", Text),
    Column("key_id", Text),
    Column("most_usd", Usd),
    Column("reserved_log", Text),
    Column("reserved_position", BigInteger),
    Column("settled_at", Double),
    Column("outcome", Text),
    Column("error", Text),
    Column("input_tokens", Integer),
    Column("cached_input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("reasoning_tokens", Integer),
    Column("cost_usd", Usd),
    Column("latency_ms", Double),
    Column("first_token_ms", Double),
    Column("rows", Integer),
    Index(None, "tenant", "at"),
    sqlite_with_rowid=False,
)

CALL_SCOPES = Table(
    "call_scopes",
    METADATA,
    _key("tenant"),
    _key("scope"),
    _key("decision_id"),
    _key("permit_id"),
    ForeignKeyConstraint(
        ["tenant", "decision_id", "permit_id"],
        ["calls.tenant", "calls.decision_id", "calls.permit_id"],
    ),
    sqlite_with_rowid=False,
)

Index(
    "ix_decisions_open",
    DECISIONS.c.opened_at,
    sqlite_where=DECISIONS.c.closed_at.is_(None),
    postgresql_where=DECISIONS.c.closed_at.is_(None),
)
Index(
    "ix_events_administrative",
    EVENTS.c.tenant,
    EVENTS.c.at,
    sqlite_where=EVENTS.c.type == literal_column("'administrative'"),
    postgresql_where=EVENTS.c.type == literal_column("'administrative'"),
)
Index(
    "ix_calls_unsettled",
    CALLS.c.at,
    sqlite_where=CALLS.c.settled_at.is_(None),
    postgresql_where=CALLS.c.settled_at.is_(None),
)

APPROVALS = Table(
    "approvals",
    METADATA,
    _key("id"),
    _required("tenant"),
    _required("kind"),
    _required("decision_id"),
    _required("run_id"),
    _required("workflow"),
    _required("step"),
    Column("payload", LargeBinary, nullable=False),
    _required("payload_sha256"),
    _required("requester_id"),
    _required("requester_name"),
    Column("reviewers", Words, nullable=False),
    _required("status"),
    Column("created_at", Double, nullable=False),
    Column("due", Double, nullable=False),
    Column("resolved_by", Text),
    Column("resolved_at", Double),
    Column("self_approved", Boolean(create_constraint=False), nullable=False),
    Column("note", LargeBinary),
    Column("edited", LargeBinary),
    Column("edited_sha256", Text),
    Column("data_class", Text),
    Index(None, "tenant", "status", "id"),
    Index(None, "status", "due"),
)

CONVERSATIONS = Table(
    "conversations",
    METADATA,
    _key("tenant"),
    _key("principal_id"),
    _key("conversation"),
    Column("joined_class", Integer, nullable=False),
    Column("joined_tags", Integer, nullable=False, server_default="0"),
)

CONVERSATION_TURNS = Table(
    "conversation_turns",
    METADATA,
    _key("tenant"),
    _key("principal_id"),
    _key("conversation"),
    Column("at", Double, primary_key=True),
    _required("data_class"),
    Column("said", LargeBinary, nullable=False),
    Index(None, "tenant", "at"),
)

RUNS = Table(
    "runs",
    METADATA,
    _key("run_id"),
    _required("tenant"),
    _required("decision_id"),
    _required("workflow"),
    _required("principal_id"),
    _required("status"),
    Column("output", LargeBinary),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double),
    Column("approval_id", Text),
    Column("data_class", Text),
    Index(None, "tenant", "run_id"),
)

EVALUATIONS = Table(
    "evaluations",
    METADATA,
    Column("seq", Integer, primary_key=True),
    _required("tenant"),
    _required("workflow"),
    _required("workflow_version"),
    _required("model"),
    _required("model_version"),
    Column("n", Integer, nullable=False),
    Column("score", Double, nullable=False),
    Column("lo", Double, nullable=False),
    Column("hi", Double, nullable=False),
    Column("p95_ms", Double, nullable=False),
    Column("cost_usd_per_1000", Usd),
    _required("cases_sha256"),
    _required("metric"),
    Column("at", Double, nullable=False),
    Index(None, "tenant", "workflow", "model", "at"),
)

WORKFLOW_VERSIONS = Table(
    "workflow_versions",
    METADATA,
    _key("tenant"),
    _key("name"),
    _key("version"),
    _required("content"),
)

POLICY_VERSIONS = Table(
    "policy_versions",
    METADATA,
    _key("tenant"),
    _key("version"),
    _required("content"),
    Column("at", Double, nullable=False),
)

ACTIVATIONS = Table(
    "activations",
    METADATA,
    Column("seq", Integer, primary_key=True),
    _required("tenant"),
    _required("kind"),
    _required("name"),
    _required("release"),
    _required("stage"),
    _required("content"),
    _required("by"),
    _required("event"),
    Column("at", Double, nullable=False),
    Index(None, "kind", "name", "seq"),
)

FEEDBACK = Table(
    "feedback",
    METADATA,
    _key("tenant"),
    _key("decision_id"),
    _required("principal_id"),
    Column("workflow", Text),
    Column("is_cited", Boolean, nullable=False),
    _required("data_class"),
    Column("asked_at", Double, nullable=False),
    Column("asked", LargeBinary, nullable=False),
    Column("rating", Text),
    Column("rated_by", Text),
    Column("rated_at", Double),
    Column("said", LargeBinary),
    Index(None, "tenant", "principal_id"),
    Index(None, "tenant", "asked_at"),
)
