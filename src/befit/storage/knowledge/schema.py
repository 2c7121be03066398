"""The tables of knowledge. Classes are integers, so that the database can raise them.

What a document is called, and where it lies, is sealed with its texts; the hash of its
`doc_id` finds it again.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    literal_column,
)

from befit.storage.columns import TagBits
from befit.storage.schema import METADATA


def _key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


def _required(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


COLLECTIONS = Table(
    "collections",
    METADATA,
    _key("tenant"),
    _key("name"),
    _required("owner"),
    Column("data_class", Integer, nullable=False),
    Column("tags", TagBits, nullable=False),
    Column("version", Integer, nullable=False),
    _required("embedder"),
    Column("created_at", Double, nullable=False),
)

DOCUMENTS = Table(
    "documents",
    METADATA,
    _key("tenant"),
    _key("key"),
    _required("collection"),
    _required("doc_hash"),
    _required("source"),
    _required("version"),
    _required("state"),
    Column("acl_id", Integer, nullable=False),
    Column("indexed_acl_id", Integer, nullable=False),
    Column("data_class", Integer, nullable=False),
    Column("tags", TagBits, nullable=False),
    _required("media_type"),
    Column("dated_s", BigInteger),
    _required("change_token"),
    Column("length", Integer, nullable=False),
    Column("passages", Integer, nullable=False),
    Column("ingested_at", Double, nullable=False),
    _required("decision_id"),
    Column("said", LargeBinary, nullable=False),
    Index(None, "tenant", "collection", "doc_hash"),
    Index(None, "tenant", "collection", "source"),
)

Index(
    "ix_documents_unsettled",
    DOCUMENTS.c.tenant,
    DOCUMENTS.c.key,
    sqlite_where=DOCUMENTS.c.state != literal_column("'live'"),
    postgresql_where=DOCUMENTS.c.state != literal_column("'live'"),
)

Index(
    "ix_documents_moved",
    DOCUMENTS.c.tenant,
    DOCUMENTS.c.acl_id,
    DOCUMENTS.c.indexed_acl_id,
    sqlite_where=DOCUMENTS.c.acl_id != DOCUMENTS.c.indexed_acl_id,
    postgresql_where=DOCUMENTS.c.acl_id != DOCUMENTS.c.indexed_acl_id,
)

PASSAGES = Table(
    "passages",
    METADATA,
    _key("tenant"),
    _key("key"),
    Column("number", Integer, primary_key=True),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("page", Integer),
    Column("data_class", Integer, nullable=False),
    Column("tags", TagBits, nullable=False),
    Column("text", LargeBinary, nullable=False),
)

DOCUMENT_LINES = Table(
    "document_lines",
    METADATA,
    _key("tenant"),
    _key("key"),
    Column("lines", LargeBinary, nullable=False),
)

# Never emptied, and a number is never given twice: the index may still hold it.
ACCESS_LISTS = Table(
    "access_lists",
    METADATA,
    Column("acl_id", Integer, primary_key=True),
    _required("tenant"),
    _required("key"),
    _required("origin"),
    Index(None, "tenant", "key", unique=True),
)

ACCESS_MEMBERS = Table(
    "access_members",
    METADATA,
    _key("tenant"),
    _key("kind"),
    _key("name"),
    Column("acl_id", Integer, primary_key=True, autoincrement=False),
    Index(None, "acl_id"),
    sqlite_with_rowid=False,
)

ACCESS_EPOCHS = Table(
    "access_epochs",
    METADATA,
    _key("tenant"),
    Column("epoch", BigInteger, nullable=False),
    Column("rules", Text, nullable=False, server_default=""),
)

# In the order in which they were kept. A place is never given twice: other processes go by it.
RELEASED_PRINTS = Table(
    "released_prints",
    METADATA,
    Column("seq", Integer, primary_key=True),
    _required("tenant"),
    Column("data_class", Integer, nullable=False),
    Column("tags", TagBits, nullable=False),
    Column("words", Integer, nullable=False),
    Column("prints", LargeBinary, nullable=False),
    Index(None, "tenant", "seq"),
    sqlite_autoincrement=True,
)

RELEASED_SECRETS = Table(
    "released_secrets",
    METADATA,
    _key("tenant"),
    Column("box", LargeBinary, nullable=False),
)
