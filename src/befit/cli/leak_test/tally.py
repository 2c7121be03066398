"""`Tally`: judges what was seen, and counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from befit.cli.leak_test.chronicle import Chronicle
from befit.cli.leak_test.surfaces import Seen, Surface
from befit.cli.leak_test.world import Reader

_MOST_FINDINGS = 100
_MOST_OF_ONE_CHECK = 3
_AROUND = 60
_NOBODY = Reader(tenant="", name="nobody", id="")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One leak: what was seen where by whom, and a few words around it.

    Attributes:
        what: the document, as `TENANT/COLLECTION/DOC_ID`, or how two answers differ.
    """

    surface: str
    reader: str
    what: str
    around: str


@dataclass(kw_only=True, slots=True)
class Revocations:
    """How soon rights that were taken away were gone.

    Attributes:
        times_ms: from each change's return to the end of the first search without the document.
        late: the searches after a return that still found it.
    """

    times_ms: list[float] = field(default_factory=list[float])
    late: int = 0


class Tally:
    """The checks so far.

    Attributes:
        leaks: by surface, how many checks failed.
        findings: what the first of them saw.
        revocations: how soon rights that were taken away were gone.
        expected, found: by surface, how often a document was to be seen, and was.
    """

    def __init__(self, chronicle: Chronicle) -> None:
        self.surfaces: Counter[Surface] = Counter()
        self.leaks: Counter[Surface] = Counter()
        self.findings: list[Finding] = []
        self.revocations = Revocations()
        self.expected: Counter[Surface] = Counter()
        self.found: Counter[Surface] = Counter()
        self._chronicle = chronicle

    @property
    def checks(self) -> int:
        """How many there were."""
        return self.surfaces.total()

    def judge(self, seen: Seen) -> bool:
        """Count one check; whether nothing leaked."""
        self.surfaces[seen.surface] += 1
        if self._is_to_be_found(seen):
            self.expected[seen.surface] += 1
            self.found[seen.surface] += any(mark in seen.content for mark in seen.expected)
        leaked = [*self._leaked(seen)]
        if seen.difference:
            leaked.append(self._finding(seen, what=seen.difference, word=""))
        self.leaks[seen.surface] += bool(leaked)
        room = _MOST_FINDINGS - len(self.findings)
        self.findings += leaked[: min(room, _MOST_OF_ONE_CHECK)]
        return not leaked

    def _is_to_be_found(self, seen: Seen) -> bool:
        """Whether something was expected that the reader could have all the while."""
        if seen.reader is None:
            return False
        steady = self._chronicle.seeable_throughout(seen.reader, seen.since, seen.until)
        return not steady.isdisjoint(seen.expected)

    def _leaked(self, seen: Seen) -> list[Finding]:
        allowed = frozenset[str]()
        if seen.reader is not None:
            allowed = self._chronicle.seeable(seen.reader, seen.since, seen.until)
        words = self._chronicle.forbidden_in(seen.content, allowed, seen.sent)
        for cited in seen.cited:
            words += self._chronicle.forbidden_in(cited.lower(), allowed, "")
        if seen.is_account:
            words = [word for word in words if self._chronicle.is_secret(word)]
        by_document = {self._named(word): word for word in words}
        return [self._finding(seen, what=what, word=word) for what, word in by_document.items()]

    def _named(self, word: str) -> str:
        canary = self._chronicle.owner_of(word)
        if canary is None:
            return word
        return f"{canary.tenant}/{canary.collection}/{canary.doc_id}"

    def _finding(self, seen: Seen, *, what: str, word: str) -> Finding:
        at = max(seen.content.find(word), 0) if word else 0
        reader = seen.reader or _NOBODY
        return Finding(
            surface=seen.surface,
            reader=f"{reader.tenant}/{reader.name}".strip("/"),
            what=what,
            around=seen.content[max(at - _AROUND, 0) : at + _AROUND],
        )
