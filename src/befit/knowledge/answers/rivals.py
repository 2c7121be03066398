"""`sentences_about`: the sentences that are not about another than what a question asks about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from befit.knowledge.answers.function_words import content_words
from befit.knowledge.answers.kinds import KINDS
from befit.knowledge.answers.mentions import MONTH, YEAR, Mentions, mentions_in
from befit.knowledge.answers.sentence import CELLS, Heading, Sentence, headings_in
from befit.knowledge.retrieval import Question
from befit.knowledge.search.found import Found, FoundPassage

_PLACE = "in ~"


@dataclass(frozen=True, kw_only=True, slots=True)
class Particular:
    """One of many alike that a question asks about: band P9.

    Attributes:
        slots: where a text would speak of it, or of another: `band #` and `p#`.
        values: what it is called; any of them will do, as in "bands P5 and P7".
    """

    slots: frozenset[str]
    values: frozenset[str]

    @property
    def is_name(self) -> bool:
        """Whether the word alone tells it; a number may be that of something else."""
        return not any(slot in {YEAR, MONTH} or slot.endswith("#") for slot in self.slots)

    @property
    def is_month(self) -> bool:
        """Whether it is a month: what a heading is of, and a sentence only names."""
        return MONTH in self.slots

    @property
    def lasting(self) -> Particular:
        """It in the slots that hold beyond a sentence: texts name years and places in passing."""
        return replace(self, slots=frozenset(s for s in self.slots if _lasts(s)))

    def told_in(self, text: Mentions) -> bool:
        """Whether a text speaks of it."""
        if self.is_name:
            return not self.values.isdisjoint(text.words)
        taken = [slot for slot in self.slots if slot in text.values]
        if taken:
            return any(text.holds(slot, value) for slot in taken for value in self.values)
        return not self.values.isdisjoint(text.words)

    def rivalled_in(self, text: Mentions) -> bool:
        """Whether a text speaks of another of its kind."""
        return any(text.values.get(slot, frozenset()) - self.values for slot in self.rival_slots)

    @property
    def rival_slots(self) -> frozenset[str]:
        """Where another would stand; beside the oncology ward, ward B7 is another."""
        numbered = {f"{slot[2:]} #" for slot in self.slots if slot.startswith("* ")}
        return self.slots | numbered


def _lasts(slot: str) -> bool:
    return slot.endswith("#") or slot.strip("~* ") in KINDS


def particulars_of(question: Question) -> tuple[Particular, ...]:
    """What a question names; "And who repairs it?" is still about the scanner that was named."""
    values = dict(mentions_in(question.text, is_question=True).values)
    if not values and len(content_words(question.text)) <= 1 and question.earlier:
        before = mentions_in(question.earlier[0], is_question=True).values
        values = {slot: its for slot, its in before.items() if slot.endswith("#")}
    slots_of = dict[frozenset[str], set[str]]()
    for slot, its in values.items():
        slots_of.setdefault(its, set()).add(slot)
    return tuple(Particular(slots=frozenset(slots), values=its) for its, slots in slots_of.items())


def sentences_about(
    question: Question, found: Found, sentences: Sequence[Sentence], fitness: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which sentences may answer.

    Those about a rival of what is asked may not. Where the fittest of all is one, the documents
    are told apart by what is asked: then only passages that speak of it may.

    Args:
        question: what is asked.
        found: the passages.
        sentences: of them, at least one.
        fitness: how well each would do as an answer.
    """
    asked = particulars_of(question)
    kept = np.ones(len(sentences), dtype=bool)
    if not asked:
        return kept
    contexts = [_Context.of(passage) for passage in found.passages]
    own = [mentions_in(each.reads) for each in sentences]
    fittest = int(np.argmax(fitness))
    for particular in asked:
        rival = np.array(
            [
                contexts[each.passage].is_rival(each, its, particular)
                for each, its in zip(sentences, own, strict=True)
            ],
            dtype=bool,
        )
        kept &= ~rival
        if rival[fittest]:
            tells = [particular.told_in(context.whole) for context in contexts]
            kept &= np.array([tells[each.passage] for each in sentences], dtype=bool)
    return kept


@dataclass(frozen=True, kw_only=True, slots=True)
class _Context:
    """What a passage speaks of: in its title and headings, as a whole, and in its tables' rows."""

    title: Mentions
    headings: Sequence[tuple[Heading, Mentions]]
    whole: Mentions
    rows: Mentions

    @classmethod
    def of(cls, passage: FoundPassage) -> _Context:
        title = f"{passage.title}\n{passage.doc_id}"
        rows = "\n".join(line for line in passage.text.splitlines() if CELLS in line)
        return cls(
            title=mentions_in(title),
            headings=[(each, mentions_in(each.text)) for each in headings_in(passage.text)],
            whole=mentions_in(f"{title}\n{passage.text}"),
            rows=mentions_in(rows),
        )

    def is_rival(self, sentence: Sentence, own: Mentions, particular: Particular) -> bool:
        """Whether a sentence speaks of another, by itself or as what it stands in does."""
        if particular.told_in(own):
            return False
        if particular.rivalled_in(own) and not particular.is_month:
            return not (particular.is_name and particular.told_in(self.title))
        above = self._above(sentence)
        if any(particular.told_in(each) for _, each in above):
            return False
        if any(particular.rivalled_in(each) for _, each in above):
            return True
        levels = {heading.level for heading, _ in above}
        if any(
            particular.told_in(each) for beside, each in self.headings if beside.level in levels
        ):
            return True
        return self._is_rival_as_a_whole(sentence, particular)

    def _is_rival_as_a_whole(self, sentence: Sentence, particular: Particular) -> bool:
        """Whether a passage speaks of another where a sentence and its heading speak of none."""
        if particular.told_in(self.title):
            return False
        if sentence.is_row and particular.told_in(self.rows):
            return True
        if particular.told_in(self.whole):
            return False
        lasting = particular.lasting
        if sentence.is_row and (lasting.slots or _PLACE in particular.slots):
            return True
        return particular.rivalled_in(self.title) or lasting.rivalled_in(self.whole)

    def _above(self, sentence: Sentence) -> list[tuple[Heading, Mentions]]:
        """The headings that a sentence stands under, of each level the nearest."""
        path = list[tuple[Heading, Mentions]]()
        for heading, mentions in self.headings:
            if heading.start >= sentence.start:
                break
            path = [each for each in path if each[0].level < heading.level]
            path.append((heading, mentions))
        return path
