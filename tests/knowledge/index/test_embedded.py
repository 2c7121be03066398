"""The embedded index: the conformance suite, and what files and processes add to it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from befit.errors import Conflict
from befit.knowledge.index import (
    Changes,
    EmbeddedIndex,
    EmbeddedWriter,
    IndexDamaged,
    Passage,
    WeightedText,
)
from befit.knowledge.index.embedded import inspection, word_index
from befit.knowledge.index.embedded.columns import COLUMNS
from befit.knowledge.index.embedded.generation import GenerationWriter
from befit.knowledge.index.embedded.growing import Extent, ReadRows
from befit.knowledge.index.embedded.nearest import VECTOR_FILES, Vectors, quantised
from tests.knowledge.index.conformance import IndexConformance, Opened
from tests.knowledge.index.passages import DIMENSIONS, EVERYTHING, names, passage, vector


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def writer(folder: Path) -> Iterator[EmbeddedWriter]:
    with EmbeddedWriter(folder, dimensions=DIMENSIONS) as opened:
        yield opened


class TestConformance(IndexConformance):
    @pytest.fixture
    def opened(self, folder: Path, writer: EmbeddedWriter) -> Opened:
        return EmbeddedIndex(folder), writer


def generation(folder: Path) -> Path:
    return folder / (folder / "live").read_text()


# --- files -------------------------------------------------------------------------------


def test_all_files_are_their_owners_only(folder: Path) -> None:
    before = os.umask(0)
    try:
        with EmbeddedWriter(folder, dimensions=DIMENSIONS) as writer:
            for start in range(0, 60, 10):
                writer.apply(Changes(put=[passage(n) for n in range(start, start + 10)]))
    finally:
        os.umask(before)
    for path in [folder, *folder.rglob("*")]:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_texts_are_not_kept(folder: Path, writer: EmbeddedWriter) -> None:
    writer.apply(Changes(put=[passage(1, "Zanzibar quokka protocol")]))
    for path in folder.rglob("*"):
        assert not path.is_file() or b"Zanzibar quokka" not in path.read_bytes()


def test_a_rebuild_leaves_one_generation(folder: Path, writer: EmbeddedWriter) -> None:
    writer.apply(Changes(put=[passage(n) for n in range(4)]))
    writer.apply(Changes(delete_passages=["p0", "p1", "p2"]))
    writer.rebuild([passage(3)])
    assert [path.name for path in folder.iterdir() if path.is_dir()] == [generation(folder).name]


def test_a_rebuild_pays_once_most_of_a_large_index_is_dead(writer: EmbeddedWriter) -> None:
    assert not writer.is_wasteful
    texts = [passage(n) for n in range(600)]
    for _ in range(2):
        writer.apply(Changes(put=texts))
        assert not writer.is_wasteful
    writer.apply(Changes(put=texts))
    assert writer.is_wasteful
    writer.rebuild(texts)
    assert not writer.is_wasteful


def test_a_rebuild_may_take_the_vectors_that_the_index_has(writer: EmbeddedWriter) -> None:
    put = [passage(n) for n in range(5)]
    writer.apply(Changes(put=put))

    def again() -> Iterator[Passage]:
        for each in put:
            (vector_of_it,) = writer.vectors_of([each.ref.doc_id]).values()
            yield replace(each, vector=vector_of_it)

    writer.rebuild(again())
    held = writer.vectors_of([each.ref.doc_id for each in put])
    for each in put:
        np.testing.assert_array_equal(held[each.ref.passage_id], each.vector)


def test_what_a_killed_rebuild_leaves_goes_with_the_next_writer(folder: Path) -> None:
    with EmbeddedWriter(folder, dimensions=DIMENSIONS) as writer:
        writer.apply(Changes(put=[passage(1)]))
    (folder / "7" / "words").mkdir(parents=True)
    EmbeddedWriter(folder, dimensions=DIMENSIONS).close()
    assert [path.name for path in folder.iterdir() if path.is_dir()] == [generation(folder).name]


def test_a_rebuild_that_fails_leaves_the_live_index_alone(
    folder: Path, writer: EmbeddedWriter
) -> None:
    writer.apply(Changes(put=[passage(1)]))

    def source() -> Iterator[object]:
        yield passage(2)
        raise ConnectionError("the store went away")

    with pytest.raises(ConnectionError):
        writer.rebuild(source())
    snapshot = EmbeddedIndex(folder).snapshot()
    assert names(snapshot, np.arange(snapshot.count)) == ["p1"]
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 1


# --- processes ---------------------------------------------------------------------------


def test_a_second_writer_is_refused(folder: Path, writer: EmbeddedWriter) -> None:
    with pytest.raises(Conflict, match="another process"):
        EmbeddedWriter(folder, dimensions=DIMENSIONS)
    writer.close()
    EmbeddedWriter(folder, dimensions=DIMENSIONS).close()


def test_a_reader_sees_what_another_process_commits(folder: Path) -> None:
    index = EmbeddedIndex(folder)
    assert index.snapshot().count == 0
    for number in range(1, 4):
        _run(folder, f"writer.apply(Changes(put=[passage({number})]))")
        assert index.snapshot().count == number
    _run(folder, "writer.rebuild([passage(7)])")
    assert index.snapshot().count == 1


# Where a writer may die: before each append, each sync, and on both sides of the commit.
_MOMENTS = [
    *(f"GrowingFile.append#{n}" for n in (1, 5, len(COLUMNS), len(COLUMNS) + 2)),
    *(f"GrowingFile.sync#{n}" for n in (1, len(COLUMNS) + len(VECTOR_FILES))),
    "WordIndex.commit#1",
    "make_files_private#1",
]


@pytest.mark.parametrize("moment", _MOMENTS)
def test_a_writer_killed_at_any_moment_leaves_the_batch_whole_or_not_at_all(
    folder: Path, moment: str
) -> None:
    _run(folder, "writer.apply(Changes(put=[passage(n) for n in range(5)]))")
    name, _, count = moment.partition("#")
    killed = f"""
        die_at({name!r}, {count})
        writer.apply(Changes(put=[passage(1, 'new'), passage(9, 'new')], delete_passages=['p4']))
    """
    assert _run(folder, killed, check=False) == -signal.SIGKILL
    committed = moment.startswith("make_files_private")
    for healed in (False, True):
        if healed:
            _run(folder, "writer.apply(Changes())")
        index = EmbeddedIndex(folder)
        snapshot = index.snapshot()
        dense = names(snapshot, snapshot.dense(vector(0), EVERYTHING, k=99).rows)
        fresh = names(
            snapshot, snapshot.lexical((WeightedText(text="new"),), EVERYTHING, k=99).rows
        )
        assert sorted(fresh) == (["p1", "p9"] if committed else [])
        assert ("p9" in dense, "p4" in dense) == (committed, not committed)
        assert index.verify() == ()


@pytest.mark.parametrize("limit", [2_000, 20_000, 40_000])
def test_a_disk_that_takes_no_more_is_told_as_that_and_nothing_is_lost(
    folder: Path, limit: int
) -> None:
    _run(folder, "writer.apply(Changes(put=[passage(n) for n in range(5)]))")
    full = f"""
        import resource
        from befit.knowledge.index import IndexUnwritable
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))
        texts = [" ".join(f"word{{number * n}}" for number in range(50)) for n in range(900)]
        put = [passage(n, text) for n, text in enumerate(texts)]
        for write in (lambda: writer.apply(Changes(put=put)), lambda: writer.rebuild(put)):
            try:
                write()
            except IndexUnwritable as error:
                assert "File too large" in error.message
            else:
                raise AssertionError("it fitted")
    """
    _run(folder, full)
    assert EmbeddedIndex(folder).verify() == ()
    assert EmbeddedIndex(folder).snapshot().count == 5
    _run(folder, "writer.apply(Changes(put=[passage(9)]))")
    assert EmbeddedIndex(folder).snapshot().count == 6


# The same for a rebuild: while it writes beside, and around the switch.
@pytest.mark.parametrize(
    ("moment", "switched"),
    [
        ("Layout.begin#1", False),
        ("GrowingFile.append#1", False),
        ("WordIndex.commit#2", False),
        ("Layout.switch#1", False),
        ("Layout.drop_all_but#1", True),
    ],
)
def test_a_rebuild_killed_at_any_moment_leaves_a_whole_index(
    folder: Path, moment: str, switched: bool
) -> None:
    _run(folder, "writer.apply(Changes(put=[passage(n) for n in range(5)]))")
    name, _, count = moment.partition("#")
    killed = f"""
        die_at({name!r}, {count})
        writer.rebuild([passage(7)])
    """
    assert _run(folder, killed, check=False) == -signal.SIGKILL
    for _ in range(2):
        index = EmbeddedIndex(folder)
        assert index.snapshot().count == (1 if switched else 5)
        assert index.verify() == ()
        EmbeddedWriter(folder, dimensions=DIMENSIONS).close()
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 1


def test_an_index_is_sound_however_others_write_while_it_is_read(
    folder: Path, writer: EmbeddedWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What two looks were about to read is taken away, by a rebuild and by a merge."""
    writer.apply(Changes(put=[passage(1)]))
    sound = inspection.is_sound
    steps = [
        lambda: writer.rebuild([passage(2)]),
        lambda: [writer.apply(Changes(put=[passage(n)])) for n in range(2, 20)],
    ]

    def meanwhile(path: Path, extent: Extent) -> bool:
        if path.name == "gone" and steps:  # once a look
            steps.pop(0)()
        return sound(path, extent)

    monkeypatch.setattr(inspection, "is_sound", meanwhile)
    assert EmbeddedIndex(folder).verify() == ()
    assert not steps


def _run(folder: Path, code: str, *, check: bool = True) -> int:
    program = textwrap.dedent("""
        import os, signal, sys
        from befit.knowledge.index import Changes, EmbeddedWriter
        from befit.knowledge.index.embedded import generation, word_index, writer as writers
        from tests.knowledge.index.passages import DIMENSIONS, passage

        def die_at(name, count):
            owner, _, method = name.rpartition(".")
            holder = word_index
            if owner:
                holder = getattr(generation, owner, None) or getattr(writers, owner)
            real, calls = getattr(holder, method), []
            def dying(*arguments):
                calls.append(1)
                if len(calls) == count:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments)
            setattr(holder, method, dying)

        with EmbeddedWriter(sys.argv[1], dimensions=DIMENSIONS) as writer:
    """).replace("sys.argv[1]", f"__import__('pathlib').Path({str(folder)!r})")
    program += textwrap.indent(textwrap.dedent(code).strip(), "    ")
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, check=False)
    assert not check or done.returncode == 0
    return done.returncode


# --- damage ------------------------------------------------------------------------------


@pytest.fixture
def filled(folder: Path) -> Path:
    with EmbeddedWriter(folder, dimensions=DIMENSIONS) as writer:
        for start in (0, 20):
            tagged = [passage(n, metadata={"site": "a"}) for n in range(start, start + 20)]
            writer.apply(Changes(put=tagged, delete_passages=["p0"]))
    assert EmbeddedIndex(folder).verify() == ()
    return folder


def _damageable(folder: Path) -> list[Path]:
    """All files but tantivy's own lists, which carry no checksum: what they name is counted."""
    files = [path for path in generation(folder).rglob("*") if path.is_file()]
    return [path for path in files if path.stat().st_size and path.suffix != ".json"]


def _replace(path: Path, content: bytes | bytearray) -> None:
    """As another file of that name: one that is mapped must not shrink under its readers."""
    other = path.with_name(f"{path.name}.other")
    other.write_bytes(content)
    other.replace(path)


def test_a_flipped_bit_in_any_file_is_detected(filled: Path) -> None:
    files = _damageable(filled)
    assert len(files) > len(COLUMNS) + len(VECTOR_FILES)
    for path in files:
        kept = path.read_bytes()
        for place in (0, len(kept) - 1):
            damaged = bytearray(kept)
            damaged[place] ^= 1
            _replace(path, damaged)
            assert EmbeddedIndex(filled).verify(), f"{path.name} at {place}"
        _replace(path, kept)
    assert EmbeddedIndex(filled).verify() == ()


def test_a_file_cut_short_or_lost_is_detected_at_opening(filled: Path) -> None:
    for name in (*COLUMNS, *VECTOR_FILES):
        path = generation(filled) / name
        kept = path.read_bytes()
        for left in (kept[:-1], None):
            _replace(path, left) if left is not None else path.unlink()
            with pytest.raises(IndexDamaged, match="rebuild"):
                EmbeddedIndex(filled).snapshot()
            _replace(path, kept)
    assert EmbeddedIndex(filled).verify() == ()


@pytest.mark.parametrize("lost", ["words/meta.json", "words", "vectors", "live"])
def test_a_damaged_index_is_rebuilt_from_the_store(filled: Path, lost: str) -> None:
    before = EmbeddedIndex(filled).snapshot().epoch
    if lost == "live":
        (filled / "live").write_text("not a number")
    else:
        target = generation(filled) / lost
        target.rename(filled / "lost")
    assert EmbeddedIndex(filled).verify()
    with EmbeddedWriter(filled, dimensions=DIMENSIONS) as writer:
        assert writer.rebuild([passage(n) for n in range(7)]) > before
    index = EmbeddedIndex(filled)
    assert index.snapshot().count == 7
    assert index.verify() == ()


def test_rows_past_the_last_commit_are_cut_off_by_the_next_writer(filled: Path) -> None:
    for name in VECTOR_FILES:
        with (generation(filled) / name).open("ab") as file:
            file.write(b"left by a crash")
    assert EmbeddedIndex(filled).verify() == ()
    with GenerationWriter(generation(filled), dimensions=DIMENSIONS):
        pass
    assert (generation(filled) / "vectors").stat().st_size == 40 * DIMENSIONS * 4


# --- cost --------------------------------------------------------------------------------


def test_common_words_of_a_large_index_are_left_out_first_but_never_all(
    folder: Path, writer: EmbeddedWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.apply(Changes(put=[passage(n, "pump" + " valve" * (n == 3)) for n in range(20)]))
    snapshot = EmbeddedIndex(folder).snapshot()

    def found(text: str) -> int:
        return len(snapshot.lexical((WeightedText(text=text),), EVERYTHING, k=50).rows)

    assert found("pump valve") == 20
    monkeypatch.setattr(word_index, "MOST_POSTINGS", 5)
    assert found("pump valve") == 1
    assert found("pump") == 20


# --- exactness ---------------------------------------------------------------------------


def test_rescoring_finds_the_ten_of_float32_across_blocks_sparse_and_dense(
    tmp_path: Path,
) -> None:
    draws = np.random.default_rng(3)
    matrix = draws.standard_normal((40_000, 48)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    path = tmp_path / "vectors"
    path.write_bytes(matrix.tobytes())
    exact = ReadRows(path, Extent(size=matrix.nbytes), dimensions=matrix.shape[1])
    vectors = Vectors(exact, *quantised(matrix))
    for share in (0.0, 0.01, 0.3, 1.0):
        within = draws.random(len(matrix)) < share
        for query in matrix[draws.integers(0, len(matrix), 10)]:
            rows = np.flatnonzero(within)
            exact = rows[np.argsort(-(matrix[rows] @ query), kind="stable")[:10]]
            found = vectors.nearest(query, within, k=10)
            assert found.rows.tolist() == exact.tolist()
