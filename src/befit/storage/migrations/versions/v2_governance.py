"""Governance: who is who, what is activated, which policy held."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Double, Integer, PrimaryKeyConstraint, Text, text

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Add the tables of governance."""
    _people_and_groups()
    _activations()
    _data_subjects()
    _policy_versions()
    _carried_tags()
    _administrative_events()


def _administrative_events() -> None:
    """Who did what is listed by time; few events are of it."""
    op.create_index(
        "ix_events_administrative",
        "events",
        ["tenant", "at"],
        sqlite_where=text("type = 'administrative'"),
    )


def _carried_tags() -> None:
    """A conversation carries the tags of its turns; none are known of those before."""
    tags: Column[int] = Column("joined_tags", Integer(), nullable=False, server_default="0")
    op.add_column("conversations", tags)


def _policy_versions() -> None:
    at: Column[float] = Column("at", Double(), nullable=False)
    op.create_table(
        "policy_versions",
        *(Column(name, Text(), nullable=False) for name in ("tenant", "version", "content")),
        at,
        PrimaryKeyConstraint("tenant", "version", name="pk_policy_versions"),
    )


def _activations() -> None:
    words = ("tenant", "kind", "name", "release", "stage", "content", "by", "event")
    at: Column[float] = Column("at", Double(), nullable=False)
    op.create_table(
        "activations",
        Column("seq", Integer(), nullable=False),
        *(Column(name, Text(), nullable=False) for name in words),
        at,
        PrimaryKeyConstraint("seq", name="pk_activations"),
    )
    op.create_index("ix_activations_kind_name_seq", "activations", ["kind", "name", "seq"])


def _people_and_groups() -> None:
    op.add_column("api_keys", Column("person_id", Text()))
    created_at: Column[float] = Column("created_at", Double(), nullable=False)
    disabled_at: Column[float] = Column("disabled_at", Double())
    made_at: Column[float] = Column("created_at", Double(), nullable=False)
    op.create_table(
        "people",
        *(Column(name, Text(), nullable=False) for name in ("id", "tenant", "name", "roles")),
        Column("email", Text()),
        created_at,
        disabled_at,
        PrimaryKeyConstraint("id", name="pk_people"),
    )
    op.create_index("ix_people_tenant_name", "people", ["tenant", "name"], unique=True)
    subject = ("tenant", "issuer", "sub")
    op.create_table(
        "person_subjects",
        *(Column(name, Text(), nullable=False) for name in (*subject, "person_id")),
        PrimaryKeyConstraint(*subject, name="pk_person_subjects"),
    )
    op.create_index("ix_person_subjects_person_id", "person_subjects", ["person_id"])
    op.create_table(
        "principal_groups",
        *(Column(name, Text(), nullable=False) for name in ("tenant", "name", "description")),
        made_at,
        PrimaryKeyConstraint("tenant", "name", name="pk_principal_groups"),
    )
    member = ("tenant", "member", "name")
    op.create_table(
        "group_members",
        *(Column(name, Text(), nullable=False) for name in member),
        PrimaryKeyConstraint(*member, name="pk_group_members"),
    )
    op.create_index("ix_group_members_tenant_name", "group_members", ["tenant", "name"])


def _data_subjects() -> None:
    """What a person asked is found and erased; texts are kept for as long as their class is."""
    op.add_column("approvals", Column("data_class", Text()))
    op.add_column("runs", Column("data_class", Text()))
    person = ["tenant", "principal_id", "opened_at"]
    op.create_index("ix_decisions_tenant_principal_id_opened_at", "decisions", person)
