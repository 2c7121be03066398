"""Documents of random classes and readers, each with a word that stands in no other."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hypothesis import strategies as st

from befit.knowledge.access import Acl
from befit.messages import ChatRequest
from befit.testing import Reply
from befit.testing.shelving import Shelved
from befit.vocabulary import DataClass, Tag

COLLECTION = "papers"
DOCUMENTS = "ask-documents"
"""The workflow of who names a collection and nothing else."""

MOST_PAPERS = 5
"""As many as passages are found, so that all which may be read are found."""

_KEYS = ("plain", "scoped", "poor")
_MARKS = ("quillwort", "sandpiper", "thornapple", "umbrellabird", "vervain")
_FIRST = re.compile(r"passage \[1\][^\n]*\n([^\n]+)\.")


@dataclass(frozen=True)
class Paper:
    """One document of the collection, of one passage.

    Attributes:
        mark: a word of it alone.
        colour: what it says.
        readers: the keys that may read it, by name; None where everyone may.
        denied: the key that may not, whatever else is said.
    """

    mark: str
    colour: str
    data_class: DataClass
    tags: frozenset[Tag]
    readers: frozenset[str] | None
    denied: str | None

    @property
    def doc_id(self) -> str:
        return f"{self.mark}.txt"

    @property
    def shelved(self) -> Shelved:
        return Shelved(
            doc_id=self.doc_id,
            text=f"The colour of the {self.mark} is {self.colour}.\n",
            acl=Acl(
                users=self.readers or frozenset(),
                groups=frozenset({"everyone"}) if self.readers is None else frozenset(),
                deny_users=frozenset({self.denied} if self.denied else ()),
            ),
            data_class=self.data_class,
            tags=self.tags,
        )

    def may_be_read(self, key: str) -> bool:
        """Whether who has the key of that name may read it."""
        return key != self.denied and (self.readers is None or key in self.readers)


@st.composite
def some_papers(draw: st.DrawFn, colour: str) -> tuple[Paper, ...]:
    """One to five papers."""
    marks = _MARKS[: draw(st.integers(1, MOST_PAPERS))]
    return tuple(
        Paper(
            mark=mark,
            colour=colour,
            data_class=draw(st.sampled_from(DataClass)),
            tags=draw(st.sampled_from([frozenset()] * 3 + [frozenset({tag}) for tag in Tag])),
            readers=draw(st.sampled_from([None, None, frozenset(), *map(_only, _KEYS)])),
            denied=draw(st.sampled_from([None, None, None, *_KEYS])),
        )
        for mark in marks
    )


def cited(request: ChatRequest) -> Reply | None:
    """What a good model writes from passages; None where it was given none."""
    for message in request.messages:
        found = _FIRST.search(message.text)
        if found is not None:
            return Reply(text=f"{found[1]} [1].")
    return None


def _only(key: str) -> frozenset[str]:
    return frozenset({key})
