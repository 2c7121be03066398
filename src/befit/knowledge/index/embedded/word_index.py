"""The leg of words: BM25 by tantivy, with rights and filters as clauses of their own.

A query never reaches a query parser: its words are looked up as words, so no syntax in
it can name a field, negate a clause or match everything. tantivy's calls stay in here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tantivy
from tantivy import Document, FieldType, Occur, Query

from befit.knowledge.index.embedded.layout import make_files_private, make_private
from befit.knowledge.index.embedded.marker import Marker
from befit.knowledge.index.passage import ACL_LIMIT, Passage, titled
from befit.knowledge.index.reach import Reach
from befit.knowledge.index.search_index import IndexDamaged, Leg, Rows
from befit.knowledge.index.words import analyzer, encodable

MOST_WORDS = 64
"""Of a query, the heaviest by weight and rarity: a long conversation costs no more."""

MOST_POSTINGS = 400_000
"""Entries of posting lists read for a query, beyond its weightiest word: in a large index
the words that tell least take longest, and are left out first."""

_TOKENIZER = "befit"
_MARKER = "commit"
_BM25_K1 = 1.2  # tantivy's own
_WRITER_HEAP_BYTES = 64_000_000


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("words", tokenizer_name=_TOKENIZER, index_option="freq")
    builder.add_unsigned_field("row", indexed=True, fast=True)
    builder.add_unsigned_field("acl", indexed=True)
    builder.add_integer_field("dated", indexed=True)
    for name in ("passage", "document", "collection", "tag", "marker"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field("account", stored=True)
    return builder.build()


@dataclass(frozen=True, kw_only=True, slots=True)
class WordView:
    """The words as of one commit."""

    schema: tantivy.Schema
    searcher: tantivy.Searcher
    marker: Marker

    def search(self, words: Mapping[str, float], reach: Reach, *, k: int) -> Leg:
        """The best `k` passages within `reach` that hold some of `words`."""
        weights = self._heaviest(words)
        if not weights or reach.is_empty or k < 1:
            return Leg.empty()
        wanted = [
            (Occur.Should, Query.boost_query(self._term("words", word, "freq"), weight))
            for word, (weight, _) in weights.items()
        ]
        query = Query.boolean_query(
            [*self._limits(reach), (Occur.Must, Query.boolean_query(wanted))]
        )
        hits = self._found(query, k)
        rows = self._rows([address for _, address in hits])
        scores = np.array([score for score, _ in hits], np.float64)
        order = np.lexsort((rows, -scores))
        most = sum(weight * rarity * (_BM25_K1 + 1) for weight, rarity in weights.values())
        return Leg(rows=rows[order], scores=scores[order], ceiling=most)

    def rows_of(self, field: str, names: Iterable[str]) -> Rows:
        """The live rows whose `passage` or `document` is one of `names`."""
        query = Query.term_set_query(self.schema, field, sorted(names))
        return self._rows([address for _, address in self._found(query, self.searcher.num_docs)])

    def _heaviest(self, words: Mapping[str, float]) -> dict[str, tuple[float, float]]:
        """The words to look for, with weight and rarity; words nobody wrote are left out."""
        total = self.searcher.num_docs
        known: list[tuple[float, str, float, float, int]] = []
        for word, weight in words.items():
            holders = self.searcher.doc_freq("words", word)
            if holders:
                rarity = math.log(1 + (total - holders + 0.5) / (holders + 0.5))
                known.append((-weight * rarity, word, weight, rarity, holders))
        chosen: dict[str, tuple[float, float]] = {}
        read = 0
        for _, word, weight, rarity, holders in sorted(known)[:MOST_WORDS]:
            read += holders
            if not chosen or read <= MOST_POSTINGS:
                chosen[word] = (weight, rarity)
        return chosen

    def _limits(self, reach: Reach) -> list[tuple[Occur, Query]]:
        limits = [
            self._one_of("acl", sorted(acl for acl in reach.acl_ids if 0 <= acl < ACL_LIMIT)),
            self._one_of("collection", sorted(reach.collections)),
        ]
        for key, values in reach.metadata.items():
            limits.append(self._one_of("tag", [_tag(key, value) for value in sorted(values)]))
        if reach.since_s is not None or reach.until_s is not None:
            low, high = reach.since_s, reach.until_s
            limits.append(Query.range_query(self.schema, "dated", FieldType.Integer, low, high))
        # A filter must not add to the score: without this each would be worth 1.0.
        return [(Occur.Must, Query.const_score_query(limit, 0.0)) for limit in limits]

    def _one_of(self, field: str, values: Sequence[int] | Sequence[str]) -> Query:
        return Query.term_set_query(self.schema, field, values)

    def _term(self, field: str, value: str, option: str) -> Query:
        return Query.term_query(self.schema, field, value, option)

    def _found(self, query: Query, k: int) -> list[tuple[float, tantivy.DocAddress]]:
        try:
            return self.searcher.search(query, max(k, 1), count=False).hits
        except (OSError, ValueError) as error:
            raise IndexDamaged(f"its words cannot be searched: {error}") from None

    def _rows(self, addresses: list[tantivy.DocAddress]) -> Rows:
        values = self.searcher.fast_field_values("row", addresses)
        if any(value is None for value in values):
            raise IndexDamaged("a passage's words belong to no row")
        return np.array(values, np.int64)


class WordIndex:
    """The folder `words/` of a generation, open for reading and, once asked, for writing."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        """Open the folder, or make it.

        Raises:
            IndexDamaged: it holds no readable index of this format.
            OSError, ValueError: it cannot be made.
        """
        self.folder = folder
        self._schema = _schema()
        self._writer: tantivy.IndexWriter | None = None
        try:
            if create:
                make_private(folder)
            elif not tantivy.Index.exists(str(folder)):
                raise IndexDamaged("its words are missing")
            self._index = tantivy.Index(self._schema, path=str(folder))
        except (OSError, ValueError) as error:
            if create:  # nothing is there yet that could be damaged
                raise
            raise IndexDamaged(f"its words cannot be opened: {error}") from None
        self._index.register_tokenizer(_TOKENIZER, analyzer())
        self._index.config_reader("manual")

    def view(self) -> WordView:
        """The words as of the newest commit.

        Raises:
            IndexDamaged: it cannot be read, or holds no marker.
        """
        try:
            self._index.reload()
            searcher = self._index.searcher()
            query = Query.term_query(self._schema, "marker", _MARKER, "basic")
            hits = searcher.search(query, 2, count=False).hits
            accounts = [_account(searcher.doc(address)) for _, address in hits]
        except (OSError, ValueError) as error:
            raise IndexDamaged(f"its words cannot be read: {error}") from None
        if len(accounts) != 1:
            raise IndexDamaged(f"it holds {len(accounts)} markers instead of one")
        marker = Marker.from_json(accounts[0])
        return WordView(schema=self._schema, searcher=searcher, marker=marker)

    def commit(self, put: Mapping[int, Passage], gone: Rows, marker: Marker) -> None:
        """Drop the rows `gone`, add those of `put`, and make `marker` the newest commit."""
        writer = self._open_writer()
        if len(gone):
            # By query: a bare number would be taken for a signed term, which no row is.
            query = Query.term_set_query(self._schema, "row", gone.tolist())
            writer.delete_documents_by_query(query)
        for row, passage in put.items():
            writer.add_document(self._document(row, passage))
        writer.delete_documents_by_term("marker", _MARKER)
        writer.add_document(self._made({"marker": _MARKER, "account": marker.to_json()}))
        writer.commit()
        make_files_private(self.folder)

    def close(self) -> None:
        """Stop writing; waits for merges, so that no thread outlives the writer."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.wait_merging_threads()
            make_files_private(self.folder)

    def abandon(self) -> None:
        """Forget what was not committed."""
        if self._writer is not None:
            self._writer.rollback()
            self.close()

    def _open_writer(self) -> tantivy.IndexWriter:
        if self._writer is None:
            self._writer = self._index.writer(heap_size=_WRITER_HEAP_BYTES, num_threads=1)
        return self._writer

    def _document(self, row: int, passage: Passage) -> Document:
        ref = passage.ref
        fields: dict[str, object] = {
            "words": encodable(titled(ref.title, passage.text)),
            "row": row,
            "acl": ref.acl_id,
            "passage": ref.passage_id,
            "document": ref.doc_id,
            "collection": ref.collection,
            "tag": [_tag(key, value) for key, value in ref.metadata.items()],
        }
        if ref.dated_s is not None:
            fields["dated"] = ref.dated_s
        return self._made(fields)

    def _made(self, fields: dict[str, object]) -> Document:
        # With the schema: without it a number's sign is guessed, and the writer's thread dies.
        return Document.from_dict(fields, self._schema)  # pyright: ignore[reportUnknownMemberType]  # untyped dict


def _account(document: Document) -> bytes:
    found = document.get_first("account")
    return found if isinstance(found, bytes) else b""


def _tag(key: str, value: str) -> str:
    # The key's length keeps `a` = `b=c` and `a=b` = `c` apart.
    return f"{len(key)}:{key}={value}"
