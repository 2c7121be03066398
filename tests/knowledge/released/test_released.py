from __future__ import annotations

import asyncio
import gzip
import html
import json
import os
import re
import textwrap
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.knowledge.released import Carries, Released, ReleasedText
from befit.knowledge.released.fingerprints import RUN, STRIDE, Fingerprinter, uncovered
from befit.knowledge.released.held import Held, carried_by
from befit.vocabulary import DEFAULT_TENANT, DataClass, Tag

SECRET = Carries(data_class=DataClass.CONFIDENTIAL, tags=frozenset({Tag.PII}))
INTERNAL = Carries(data_class=DataClass.INTERNAL)
RESTRICTED = Carries(data_class=DataClass.RESTRICTED, tags=frozenset({Tag.PHI}))

PASSAGE = (
    "The merger with Lanternfish Optics is planned for the second of March. Until then only the "
    'board and the four people of the "lantern" team know of it; the price is 41.5 million '
    "crowns, paid half in shares. Ines\u2019s team prepares the letters — nobody else may "
    "open the folder called Harbour."
)
OTHER = (
    "Lunch is served from half past eleven to a quarter past one. There is always a dish without "
    "meat, and on rainy days the soup is free for everyone who came by bicycle or on foot."
)
SHARED_DATA = Path(__file__).parents[4] / "shared" / "data"

Opening = Callable[..., Released]


def secret(text: str, carries: Carries = SECRET) -> ReleasedText:
    return ReleasedText(text=text, carries=carries)


def rewritten_whole(text: str) -> str:
    return text


def in_capitals(text: str) -> str:
    return text.upper()


def rewrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 31))


def quoted_in_markdown(text: str) -> str:
    return "\n".join(f"> **{line}**" for line in textwrap.wrap(text, 50))


def in_json(text: str) -> str:
    return json.dumps({"messages": [{"content": "\n".join(textwrap.wrap(text, 40))}]})


def in_json_twice(text: str) -> str:
    return json.dumps(in_json(text))


def in_html(text: str) -> str:
    return f"<p>{html.escape(text)}</p>".replace(" ", "&nbsp;")


def without_punctuation(text: str) -> str:
    return re.sub(r"[^\w\s]+", " ", text)


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def with_soft_hyphens(text: str) -> str:
    return text.replace("er", "e\u00adr").replace("an", "a\u200bn")


def with_marks_of_direction(text: str) -> str:
    return text.replace("er", "e\u2066r\u2069").replace("an", "a\ufe0fn").replace("in", "i\u061cn")


def with_other_quotes(text: str) -> str:
    return text.replace("\u2019", "'").replace('"', "“").replace("—", "-")


def within_a_longer_text(text: str) -> str:
    return f"{OTHER}\nPlease sum up what follows: {text} And then tell me about lunch. {OTHER}"


REWRITINGS = (
    rewritten_whole,
    in_capitals,
    rewrapped,
    quoted_in_markdown,
    in_json,
    in_json_twice,
    in_html,
    without_punctuation,
    decomposed,
    with_soft_hyphens,
    with_marks_of_direction,
    with_other_quotes,
    within_a_longer_text,
)


@pytest.mark.parametrize("rewrite", REWRITINGS)
async def test_a_released_passage_is_recognised(
    opening: Opening, rewrite: Callable[[str], str]
) -> None:
    released = opening()
    await released.remember(DEFAULT_TENANT, [secret(PASSAGE)])
    assert await released.class_of(DEFAULT_TENANT, [rewrite(PASSAGE)]) == SECRET


async def test_a_passage_split_over_two_messages_is_recognised(opening: Opening) -> None:
    released = opening()
    await released.remember(DEFAULT_TENANT, [secret(PASSAGE)])
    words = PASSAGE.split()[:20]
    halves = [" ".join(words[:10]), " ".join(words[10:])]
    assert await released.class_of(DEFAULT_TENANT, halves) == SECRET


async def test_what_was_not_released_carries_nothing(opening: Opening) -> None:
    released = opening()
    assert await released.class_of(DEFAULT_TENANT, [PASSAGE]) is None
    await released.remember(DEFAULT_TENANT, [secret(PASSAGE)])
    assert await released.class_of(DEFAULT_TENANT, [OTHER]) is None
    assert await released.class_of(DEFAULT_TENANT, [""]) is None
    assert await released.class_of(DEFAULT_TENANT, []) is None
    assert await released.class_of("other", [PASSAGE]) is None


async def test_what_is_public_and_untagged_is_not_remembered(opening: Opening) -> None:
    released = opening()
    public = Carries(data_class=DataClass.PUBLIC)
    await released.remember(DEFAULT_TENANT, [secret(PASSAGE, public)])
    assert await released.class_of(DEFAULT_TENANT, [PASSAGE]) is None
    tagged = Carries(data_class=DataClass.PUBLIC, tags=frozenset({Tag.EXPORT_CONTROLLED}))
    await released.remember(DEFAULT_TENANT, [secret(PASSAGE, tagged)])
    assert await released.class_of(DEFAULT_TENANT, [PASSAGE]) == tagged


async def test_the_highest_class_and_all_tags_are_carried(opening: Opening) -> None:
    released = opening()
    await released.remember(DEFAULT_TENANT, [secret(PASSAGE), secret(OTHER, RESTRICTED)])
    both = Carries(data_class=DataClass.RESTRICTED, tags=SECRET.tags | RESTRICTED.tags)
    assert await released.class_of(DEFAULT_TENANT, [PASSAGE, OTHER]) == both


async def test_a_text_released_again_in_a_higher_class_carries_that(opening: Opening) -> None:
    released = opening()
    await released.remember(DEFAULT_TENANT, [secret(PASSAGE, INTERNAL)])
    await released.remember(DEFAULT_TENANT, [secret(PASSAGE, RESTRICTED)])
    await released.remember(DEFAULT_TENANT, [secret(PASSAGE, INTERNAL)])
    assert await released.class_of(DEFAULT_TENANT, [PASSAGE]) == RESTRICTED


@pytest.mark.parametrize("count", [4, 5, 9, 10, 11, 14])
async def test_a_short_text_is_recognised_as_a_whole(opening: Opening, count: int) -> None:
    released = opening()
    short = " ".join(PASSAGE.split()[:count])
    await released.remember(DEFAULT_TENANT, [secret(short)])
    assert await released.class_of(DEFAULT_TENANT, [f"He said: {short} Is that so?"]) == SECRET


async def test_a_text_without_spaces_is_recognised_when_cut(opening: Opening) -> None:
    released = opening()
    text = "董事会计划在三月二日与灯鱼光学公司合并价格为四千一百五十万克朗一半以股票支付"
    await released.remember(DEFAULT_TENANT, [secret(text)])
    assert await released.class_of(DEFAULT_TENANT, [f"请看{text[5:21]}谢谢"]) == SECRET


async def test_it_survives_a_restart(opening: Opening) -> None:
    await opening().remember(DEFAULT_TENANT, [secret(PASSAGE)])
    assert await opening().class_of(DEFAULT_TENANT, [PASSAGE]) == SECRET


async def test_what_one_process_releases_all_recognise_at_once(opening: Opening) -> None:
    one, two = opening(), opening()
    assert await one.class_of(DEFAULT_TENANT, [PASSAGE]) is None
    await two.remember(DEFAULT_TENANT, [secret(PASSAGE)])
    assert await one.class_of(DEFAULT_TENANT, [PASSAGE]) == SECRET
    await one.remember(DEFAULT_TENANT, [secret(OTHER, RESTRICTED)])
    assert await two.class_of(DEFAULT_TENANT, [OTHER]) == RESTRICTED


async def test_releases_at_the_same_time_are_all_remembered(opening: Opening) -> None:
    one, two = opening(), opening()
    texts = [f"{number} {PASSAGE[number:]}" for number in range(20)]
    await asyncio.gather(
        *(
            (one, two)[number % 2].remember(DEFAULT_TENANT, [secret(text)])
            for number, text in enumerate(texts)
        )
    )
    for text in texts:
        assert await one.class_of(DEFAULT_TENANT, [text]) == SECRET


async def test_the_oldest_internal_texts_go_first_at_the_limit(opening: Opening) -> None:
    released = opening(most=200)
    confidential, texts = _made_up(12, seed=1), _made_up(60, seed=2)
    await released.remember(DEFAULT_TENANT, [secret(text) for text in confidential])
    for text in texts:
        await released.remember(DEFAULT_TENANT, [secret(text, INTERNAL)])
    for every in (released, opening(most=200)):
        found = [await every.class_of(DEFAULT_TENANT, [text]) for text in texts]
        assert found[0] is None
        assert found[-1] == INTERNAL
        for text in confidential:
            assert await every.class_of(DEFAULT_TENANT, [text]) == SECRET


async def test_no_confidential_text_is_dropped_at_the_limit(opening: Opening) -> None:
    released = opening(most=200)
    texts = _made_up(100, seed=3)
    for text in texts:
        await released.remember(DEFAULT_TENANT, [secret(text)])
    for every in (released, opening(most=200)):
        for text in texts:
            assert await every.class_of(DEFAULT_TENANT, [text]) == SECRET
        assert await every.class_of(DEFAULT_TENANT, [OTHER]) is None


def _made_up(count: int, *, seed: int) -> list[str]:
    draws = np.random.default_rng(seed)
    return [" ".join(f"w{n}" for n in draws.integers(0, 1_000_000, 40)) for _ in range(count)]


WORDS = st.lists(
    st.text("abcdeäß", min_size=1, max_size=4).filter(lambda word: word.isalnum()),
    min_size=15,
    max_size=120,
)


def _holding(text: str, fingerprinter: Fingerprinter) -> Held:
    held = Held()
    runs = fingerprinter.runs(fingerprinter.words([text]), RUN)
    held.add(runs[uncovered(held.carry(runs, SECRET))], SECRET, words=RUN)
    return held


@given(WORDS, WORDS, WORDS, st.data())
@settings(max_examples=150, deadline=None)
def test_any_fifteen_words_in_a_row_are_recognised(
    words: list[str], before: list[str], behind: list[str], data: st.DataObject
) -> None:
    fingerprinter = Fingerprinter(b"secret")
    held = _holding(" ".join(words), fingerprinter)
    start = data.draw(st.integers(0, len(words) - 15))
    blanks = st.sampled_from([" ", "\n", "  > ", " - ", ", ", "\\n", " **"])
    cut = "".join(word.title() + data.draw(blanks) for word in words[start : start + 15])
    text = f"{' '.join(before)}. {cut} {' '.join(behind)}"
    runs = fingerprinter.runs(fingerprinter.words([text]), RUN)
    assert carried_by([held.codes(runs)]) == SECRET


@given(st.lists(st.booleans(), max_size=60))
def test_between_kept_and_held_runs_there_is_never_a_gap(covered: list[bool]) -> None:
    held = np.array(covered, bool)
    kept = set(np.flatnonzero(held).tolist()) | set(uncovered(held))
    for start in range(len(covered) - STRIDE + 1):
        assert kept.intersection(range(start, start + STRIDE))
    assert kept or not covered


def test_fingerprints_tell_nothing_without_the_secret() -> None:
    one, two = Fingerprinter(os.urandom(32)), Fingerprinter(os.urandom(32))
    runs = [each.runs(each.words([PASSAGE]), RUN) for each in (one, two)]
    assert not set(runs[0].tolist()) & set(runs[1].tolist())


def test_runs_do_not_depend_on_where_a_text_begins() -> None:
    fingerprinter = Fingerprinter(b"secret")
    whole = fingerprinter.runs(fingerprinter.words([PASSAGE]), RUN)
    later = fingerprinter.runs(fingerprinter.words([PASSAGE.split(maxsplit=3)[3]]), RUN)
    assert whole[3:].tolist() == later.tolist()


async def test_texts_on_the_same_subject_are_not_taken_for_released_ones(
    opening: Opening,
) -> None:
    path = SHARED_DATA / "rag_cranfield" / "corpus" / "docs.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"no abstracts in {path}")
    texts = [json.loads(line)["text"] for line in gzip.decompress(path.read_bytes()).splitlines()]
    released = opening()
    await released.remember(DEFAULT_TENANT, [secret(text) for text in texts[:700]])
    taken = [text for text in texts[700:] if await released.class_of(DEFAULT_TENANT, [text])]
    assert len(taken) <= 14  # of 700, two in a hundred
    runs = {run for text in texts[:700] for run in _runs_of_ten(text)}
    assert all(runs.intersection(_runs_of_ten(text)) for text in taken)  # each shares ten words


def _runs_of_ten(text: str) -> list[str]:
    words = re.findall("[a-z0-9]+", text.lower())
    return [" ".join(words[start : start + 10]) for start in range(len(words) - 9)]
