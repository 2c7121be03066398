"""What every index promises, whatever it is built on. Subclass `IndexConformance`:

class TestMine(IndexConformance):
    @pytest.fixture
    def opened(self, tmp_path): ...  # an (index, writer) pair, empty, DIMENSIONS wide
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from befit.errors import InvalidRequest
from befit.knowledge.index import (
    Changes,
    IndexWriter,
    Passage,
    Reach,
    SearchIndex,
    WeightedText,
)
from tests.knowledge.index.passages import DIMENSIONS, EVERYTHING, names, passage, vector

Opened = tuple[SearchIndex, IndexWriter]

HOSTILE = (
    "",
    "   ",
    "\x00",
    "pump\x00leaks",
    "*",
    "acl:7 OR acl:[0 TO 99]",
    "collection:memos",
    "NOT pump",
    "-pump +oil",
    '"pump leaks',
    "(((((",
    "pump AND",
    "words:pump^1000",
    "/.*/",
    "\ud800pump",
    "漏れ 日本語 насос 🛢️",
    "a" * 100_000,
    "pump " * 50_000,
    " ".join(f"word{number}" for number in range(5_000)),
)

_reaches = st.builds(
    Reach,
    acl_ids=st.frozensets(st.integers(0, 5)),
    collections=st.frozensets(st.sampled_from(["manuals", "memos", "none"])),
    metadata=st.dictionaries(
        st.sampled_from(["site", "kind"]), st.frozensets(st.sampled_from(["a", "b"])), max_size=2
    ),
    since_s=st.none() | st.integers(0, 9),
    until_s=st.none() | st.integers(0, 9),
)
_passages = st.lists(
    st.builds(
        passage,
        st.integers(0, 30),
        st.lists(st.sampled_from(["pump", "oil", "leave", "tax"]), max_size=6).map(" ".join),
        acl_id=st.integers(0, 5),
        collection=st.sampled_from(["manuals", "memos"]),
        metadata=st.dictionaries(
            st.sampled_from(["site", "kind"]), st.sampled_from(["a", "b"]), max_size=2
        ),
        dated_s=st.none() | st.integers(0, 9),
    ),
    max_size=25,
)
_few = settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


def may_find(reach: Reach, found: Passage) -> bool:
    """The filter said plainly, once more and in another way."""
    ref = found.ref
    return (
        ref.acl_id in reach.acl_ids
        and ref.collection in reach.collections
        and all(ref.metadata.get(key) in values for key, values in reach.metadata.items())
        and (reach.since_s is None or (ref.dated_s is not None and ref.dated_s >= reach.since_s))
        and (reach.until_s is None or (ref.dated_s is not None and ref.dated_s <= reach.until_s))
    )


class IndexConformance:
    """The suite."""

    @pytest.fixture
    def opened(self) -> Iterator[Opened]:
        raise NotImplementedError

    # --- what is found -------------------------------------------------------------------

    @_few
    @given(passages=_passages, reach=_reaches)
    def test_each_leg_finds_all_that_is_within_reach_and_nothing_else(
        self, opened: Opened, passages: list[Passage], reach: Reach
    ) -> None:
        index, writer = opened
        writer.rebuild(passages)
        snapshot = index.snapshot()
        last = {each.ref.passage_id: each for each in passages}
        allowed = {name for name, each in last.items() if may_find(reach, each)}
        dense = snapshot.dense(vector(99), reach, k=100)
        assert sorted(names(snapshot, dense.rows)) == sorted(allowed)
        asked = (WeightedText(text="pump"),)
        lexical = snapshot.lexical(asked, reach, k=100)
        worded = {name for name in allowed if "pump" in last[name].text}
        assert sorted(names(snapshot, lexical.rows)) == sorted(worded)

    @_few
    @given(passages=_passages, k=st.integers(1, 40))
    def test_the_nearest_are_those_of_exact_float32(
        self, opened: Opened, passages: list[Passage], k: int
    ) -> None:
        index, writer = opened
        writer.rebuild(passages)
        snapshot, query = index.snapshot(), vector(7)
        found = snapshot.dense(query, EVERYTHING, k=k)
        last = {each.ref.passage_id: each for each in passages}
        exact = sorted((float(each.vector @ query) for each in last.values()), reverse=True)[:k]
        np.testing.assert_allclose(found.scores, exact, atol=1e-5)
        np.testing.assert_allclose(snapshot.vectors(found.rows) @ query, found.scores, atol=1e-5)

    def test_scores_fall_and_filters_add_nothing_to_them(self, opened: Opened) -> None:
        index, writer = opened
        texts = ["pump pump pump", "pump oil tax", "pump and a great deal of other words", "oil"]
        writer.apply(Changes(put=[passage(n, text) for n, text in enumerate(texts)]))
        snapshot, asked = index.snapshot(), (WeightedText(text="pump"),)
        one_list = snapshot.lexical(asked, Reach.of([1], ["manuals"]), k=10)
        many = snapshot.lexical(asked, EVERYTHING, k=10)
        assert one_list.scores.tolist() == many.scores.tolist()
        assert sorted(many.scores, reverse=True) == many.scores.tolist()
        assert 0 < many.scores[-1] <= many.scores[0] <= many.ceiling

    def test_words_meet_by_their_stem_and_weigh_what_they_are_given(self, opened: Opened) -> None:
        index, writer = opened
        writer.apply(Changes(put=[passage(1, "leaking pumps"), passage(2, "taxes were raised")]))
        snapshot = index.snapshot()
        asked = (WeightedText(text="Pump leaked"), WeightedText(text="tax raise", weight=5))
        found = snapshot.lexical(asked, EVERYTHING, k=10)
        assert names(snapshot, found.rows) == ["p2", "p1"]

    def test_a_title_is_searched_like_text(self, opened: Opened) -> None:
        index, writer = opened
        writer.apply(Changes(put=[passage(1, "see below", title="Torque table")]))
        snapshot = index.snapshot()
        assert len(snapshot.lexical((WeightedText(text="torque"),), EVERYTHING, k=5).rows) == 1

    def test_a_passage_comes_back_as_it_was_put(self, opened: Opened) -> None:
        index, writer = opened
        put = passage(1, title="Größe", metadata={"site": "a=b", "k": "ü"}, dated_s=-5)
        writer.apply(Changes(put=[put]))
        snapshot = index.snapshot()
        rows = snapshot.dense(put.vector, EVERYTHING, k=1).rows
        assert snapshot.refs(rows) == (put.ref,)
        np.testing.assert_array_equal(snapshot.vectors(rows)[0], put.vector)

    # --- what is never found -------------------------------------------------------------

    @pytest.mark.parametrize(
        "reach",
        [
            Reach.of([], ["manuals"]),
            Reach.of([1], []),
            Reach.of([2, 2**31 - 1, 2**40, -1], ["manuals"]),
            Reach.of([1], ["memos", "unheard of"]),
            Reach(
                acl_ids=frozenset([1]),
                collections=frozenset(["manuals"]),
                metadata={"x": frozenset()},
            ),
            Reach(acl_ids=frozenset([1]), collections=frozenset(["manuals"]), since_s=1),
        ],
        ids=["no list", "no collection", "other lists", "other collections", "no value", "undated"],
    )
    def test_nothing_is_found_outside_of_reach(self, opened: Opened, reach: Reach) -> None:
        index, writer = opened
        writer.apply(Changes(put=[passage(1)]))
        snapshot = index.snapshot()
        assert not len(snapshot.dense(vector(1), reach, k=5).rows)
        assert not len(snapshot.lexical((WeightedText(text="pump"),), reach, k=5).rows)

    def test_forbidden_passages_that_outrank_all_others_leave_no_trace(
        self, opened: Opened
    ) -> None:
        index, writer = opened
        asked = (WeightedText(text="secret merger"),)
        forbidden = [passage(n, "secret merger", acl_id=9, vector=vector(0)) for n in range(1, 200)]
        allowed = [passage(n, "a merger of lanes") for n in range(200, 210)]
        writer.apply(Changes(put=[*forbidden, *allowed]))
        snapshot, reach = index.snapshot(), Reach.of([1], ["manuals"])
        own = {each.ref.passage_id for each in allowed}
        assert set(names(snapshot, snapshot.dense(vector(0), reach, k=10).rows)) == own
        assert set(names(snapshot, snapshot.lexical(asked, reach, k=10).rows)) == own

    @pytest.mark.parametrize("text", HOSTILE, ids=[repr(text[:24]) for text in HOSTILE])
    def test_a_hostile_query_is_words_and_no_syntax(self, opened: Opened, text: str) -> None:
        index, writer = opened
        hidden = passage(2, "the pump leaks oil", acl_id=7, collection="memos")
        writer.apply(Changes(put=[passage(1), hidden]))
        snapshot = index.snapshot()
        found = snapshot.lexical((WeightedText(text=text),), Reach.of([1], ["manuals"]), k=5)
        assert set(names(snapshot, found.rows)) <= {"p1"}
        assert bool(len(found.rows)) == ("pump" in text.lower() or "oil" in text)

    # --- change --------------------------------------------------------------------------

    def test_an_empty_index_finds_nothing_and_says_so(self, opened: Opened) -> None:
        index, _ = opened
        snapshot = index.snapshot()
        assert snapshot.count == 0
        assert not len(snapshot.dense(vector(1), EVERYTHING, k=5).rows)
        assert not len(snapshot.lexical((WeightedText(text="pump"),), EVERYTHING, k=5).rows)
        assert index.verify() == ()

    def test_putting_a_passage_again_replaces_it_with_its_rights(self, opened: Opened) -> None:
        index, writer = opened
        writer.apply(Changes(put=[passage(1, "old words"), passage(2)]))
        writer.apply(Changes(put=[passage(1, "new words", acl_id=2, vector=vector(50))]))
        snapshot = index.snapshot()
        assert snapshot.count == 2
        for text, reach, expected in (
            ("old", EVERYTHING, []),
            ("new", Reach.of([1], ["manuals"]), []),
            ("new", Reach.of([2], ["manuals"]), ["p1"]),
        ):
            found = snapshot.lexical((WeightedText(text=text),), reach, k=5)
            assert names(snapshot, found.rows) == expected
        nearest = snapshot.dense(vector(50), Reach.of([2], ["manuals"]), k=5)
        assert nearest.scores.tolist() == pytest.approx([1.0])
        assert names(snapshot, snapshot.dense(vector(1), EVERYTHING, k=5).rows).count("p1") == 1

    def test_of_a_passage_put_twice_in_a_batch_the_last_counts(self, opened: Opened) -> None:
        index, writer = opened
        writer.apply(Changes(put=[passage(1, "first"), passage(1, "second")]))
        snapshot = index.snapshot()
        assert snapshot.count == 1
        assert not len(snapshot.lexical((WeightedText(text="first"),), EVERYTHING, k=5).rows)

    def test_deletions_take_passages_and_whole_documents_from_both_legs(
        self, opened: Opened
    ) -> None:
        index, writer = opened
        writer.apply(Changes(put=[passage(n, doc_id=f"d{n % 2}") for n in range(6)]))
        writer.apply(Changes(delete_documents=["d0", "unknown"], delete_passages=["p1", "p99"]))
        snapshot = index.snapshot()
        asked = (WeightedText(text="pump"),)
        assert snapshot.count == 2
        for leg in (
            snapshot.dense(vector(0), EVERYTHING, k=9),
            snapshot.lexical(asked, EVERYTHING, k=9),
        ):
            assert sorted(names(snapshot, leg.rows)) == ["p3", "p5"]
        assert index.verify() == ()

    def test_every_commit_and_rebuild_raises_the_epoch(self, opened: Opened) -> None:
        index, writer = opened
        epochs = [index.snapshot().epoch]
        for step in (
            lambda: writer.apply(Changes(put=[passage(1)])),
            lambda: writer.apply(Changes(delete_passages=["p1"])),
            lambda: writer.rebuild([passage(2)]),
            lambda: writer.apply(Changes()),
            lambda: writer.rebuild([]),
        ):
            told = step()
            assert told == index.snapshot().epoch
            epochs.append(told)
        assert epochs == sorted(set(epochs))

    def test_a_snapshot_stays_what_it_was(self, opened: Opened) -> None:
        index, writer = opened
        writer.apply(Changes(put=[passage(n) for n in range(5)]))
        before = index.snapshot()
        writer.apply(Changes(delete_passages=["p0"], put=[passage(9)]))
        writer.rebuild([passage(20)])
        found = before.dense(vector(0), EVERYTHING, k=9)
        assert names(before, found.rows)[0] == "p0"
        assert len(found.rows) == before.count == 5
        worded = before.lexical((WeightedText(text="pump"),), EVERYTHING, k=9)
        assert len(worded.rows) == 5
        assert index.snapshot().count == 1

    def test_a_batch_that_is_wrong_changes_nothing(self, opened: Opened) -> None:
        index, writer = opened
        writer.apply(Changes(put=[passage(1)]))
        before = index.snapshot().epoch
        wrong = passage(3, vector=vector(3, DIMENSIONS + 1))
        with pytest.raises(InvalidRequest, match="p3"):
            writer.apply(Changes(put=[passage(2), wrong], delete_passages=["p1"]))
        assert index.snapshot().epoch == before
        writer.apply(Changes(put=[passage(4)]))
        assert index.snapshot().count == 2
        assert index.verify() == ()

    def test_a_vector_of_another_size_is_no_query(self, opened: Opened) -> None:
        index, writer = opened
        writer.apply(Changes(put=[passage(1)]))
        with pytest.raises(ValueError, match="shape"):
            index.snapshot().dense(vector(1, 5), EVERYTHING, k=5)
