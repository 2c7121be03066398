"""Knowledge: collections, documents with their passages, who may read them."""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    text,
)

revision = "3"
down_revision = "2"

_ColumnType = Text | Integer | BigInteger | Double[float] | LargeBinary


def upgrade() -> None:
    """Add the tables of knowledge."""
    _collections()
    _documents()
    _passages()
    _access_lists()
    _feedback()
    _conversation_turns()
    _released()


def _required(type_: _ColumnType, *names: str) -> list[Column[object]]:
    return [Column(name, type_, nullable=False) for name in names]


def _optional(type_: _ColumnType, *names: str) -> list[Column[object]]:
    return [Column(name, type_) for name in names]


def _key(table: str, *names: str) -> PrimaryKeyConstraint:
    return PrimaryKeyConstraint(*names, name=f"pk_{table}")


def _index(table: str, *names: str, unique: bool = False) -> None:
    op.create_index(f"ix_{table}_{'_'.join(names)}", table, list(names), unique=unique)


def _collections() -> None:
    op.create_table(
        "collections",
        *_required(Text(), "tenant", "name", "owner"),
        *_required(Integer(), "data_class", "tags", "version"),
        *_required(Text(), "embedder"),
        *_required(Double(), "created_at"),
        _key("collections", "tenant", "name"),
    )


def _documents() -> None:
    op.create_table(
        "documents",
        *_required(Text(), "tenant", "key", "collection", "doc_hash", "source", "version"),
        *_required(Text(), "state"),
        *_required(Integer(), "acl_id", "indexed_acl_id", "data_class", "tags"),
        *_required(Text(), "media_type"),
        *_optional(BigInteger(), "dated_s"),
        *_required(Text(), "change_token"),
        *_required(Integer(), "length", "passages"),
        *_required(Double(), "ingested_at"),
        *_required(Text(), "decision_id"),
        *_required(LargeBinary(), "said"),
        _key("documents", "tenant", "key"),
    )
    _index("documents", "tenant", "collection", "doc_hash")
    _index("documents", "tenant", "collection", "source")
    op.create_index(
        "ix_documents_unsettled",
        "documents",
        ["tenant", "key"],
        sqlite_where=text("state != 'live'"),
        postgresql_where=text("state != 'live'"),
    )
    op.create_index(
        "ix_documents_moved",
        "documents",
        ["tenant", "acl_id", "indexed_acl_id"],
        sqlite_where=text("acl_id != indexed_acl_id"),
        postgresql_where=text("acl_id != indexed_acl_id"),
    )


def _passages() -> None:
    op.create_table(
        "passages",
        *_required(Text(), "tenant", "key"),
        *_required(Integer(), "number", "start", "end"),
        *_optional(Integer(), "page"),
        *_required(Integer(), "data_class", "tags"),
        *_required(LargeBinary(), "text"),
        _key("passages", "tenant", "key", "number"),
    )
    op.create_table(
        "document_lines",
        *_required(Text(), "tenant", "key"),
        *_required(LargeBinary(), "lines"),
        _key("document_lines", "tenant", "key"),
    )


def _access_lists() -> None:
    op.create_table(
        "access_lists",
        *_required(Integer(), "acl_id"),
        *_required(Text(), "tenant", "key", "origin"),
        _key("access_lists", "acl_id"),
    )
    _index("access_lists", "tenant", "key", unique=True)
    op.create_table(
        "access_members",
        *_required(Text(), "tenant", "kind", "name"),
        *_required(Integer(), "acl_id"),
        _key("access_members", "tenant", "kind", "name", "acl_id"),
        sqlite_with_rowid=False,
    )
    _index("access_members", "acl_id")
    rules: Column[str] = Column("rules", Text(), nullable=False, server_default="")
    op.create_table(
        "access_epochs",
        *_required(Text(), "tenant"),
        *_required(BigInteger(), "epoch"),
        rules,
        _key("access_epochs", "tenant"),
    )


def _feedback() -> None:
    """What was asked of documents, and what was said of it."""
    is_cited: Column[bool] = Column("is_cited", Boolean(), nullable=False)
    op.create_table(
        "feedback",
        *_required(Text(), "tenant", "decision_id", "principal_id"),
        *_optional(Text(), "workflow"),
        is_cited,
        *_required(Text(), "data_class"),
        *_required(Double(), "asked_at"),
        *_required(LargeBinary(), "asked"),
        *_optional(Text(), "rating", "rated_by"),
        *_optional(Double(), "rated_at"),
        *_optional(LargeBinary(), "said"),
        _key("feedback", "tenant", "decision_id"),
    )
    _index("feedback", "tenant", "principal_id")
    _index("feedback", "tenant", "asked_at")


def _conversation_turns() -> None:
    """What a conversation asked of documents last, and what they said."""
    op.create_table(
        "conversation_turns",
        *_required(Text(), "tenant", "principal_id", "conversation"),
        *_required(Double(), "at"),
        *_required(Text(), "data_class"),
        *_required(LargeBinary(), "said"),
        _key("conversation_turns", "tenant", "principal_id", "conversation", "at"),
    )
    _index("conversation_turns", "tenant", "at")


def _released() -> None:
    """Fingerprints of released texts: seq is never given twice."""
    op.create_table(
        "released_prints",
        *_required(Integer(), "seq"),
        *_required(Text(), "tenant"),
        *_required(Integer(), "data_class", "tags", "words"),
        *_required(LargeBinary(), "prints"),
        _key("released_prints", "seq"),
        sqlite_autoincrement=True,
    )
    _index("released_prints", "tenant", "seq")
    op.create_table(
        "released_secrets",
        *_required(Text(), "tenant"),
        *_required(LargeBinary(), "box"),
        _key("released_secrets", "tenant"),
    )
