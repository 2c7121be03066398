"""`Prover`: self-contained proofs about the ledger, for whoever has nothing of Befit.

    proof = prover.prove(Claim(decision=located, checkpoint=note), ledger.keys)
    proof_json(proof)                # what `befit_verify.py` reads

A proof carries the leaves of a decision's events, what is disclosed of each with its
salts, and the path of each to the root that a signed checkpoint names; with `since`, the
paths that show how an older checkpoint is contained in it. Making one reads the logs
that it speaks of once, whatever it proves; see `SubtreeRoots` for the memory.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from befit.audit.events import Event
from befit.audit.heads import LogHead
from befit.audit.index import EventPointer
from befit.audit.key_chain import KeyChain
from befit.audit.layout import LedgerPaths
from befit.audit.merkle import leaf_hash
from befit.audit.note import encode_base64
from befit.audit.proof import (
    Range,
    SubtreeRoots,
    consistency_ranges,
    inclusion_ranges,
    is_consistent,
)
from befit.audit.reader import Disclosure, LedgerReader
from befit.audit.scan import read_groups
from befit.errors import WorkspaceError

PROOF_FORMAT = "befit/proof/1"


class ShownSection(msgspec.Struct, frozen=True):
    """One section of an event's fields and the salt of its commitment."""

    salt: str
    json: str


class ProvenEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event, its place in the tree, and what is shown of it.

    A section is None where it is withheld, or erased.
    """

    log: str
    index: int
    leaf: str
    path: tuple[str, ...]
    caller: ShownSection | None
    account: ShownSection | None


class LogPath(msgspec.Struct, frozen=True):
    """How one log begins with what it was at an older checkpoint."""

    log: str
    path: tuple[str, ...]


class Since(msgspec.Struct, frozen=True):
    """An older checkpoint and the paths from it; a log that did not grow needs none."""

    checkpoint: str
    logs: tuple[LogPath, ...]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What `befit audit prove` writes. Field order is the order of the file.

    Attributes:
        decision: None where only the growth of the ledger is proved.
        endorsements: of the keys that signed the ledger, oldest first.
        checkpoint: a checkpoint of checkpoints, signed.
    """

    format: str = PROOF_FORMAT
    decision: str | None
    endorsements: tuple[str, ...]
    checkpoint: str
    events: tuple[ProvenEvent, ...]
    since: Since | None


def proof_json(proof: Mapping[str, object] | Proof) -> str:
    """A proof as it is written to a file: its one spelling."""
    document: object = msgspec.to_builtins(proof)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What is to be proved.

    Attributes:
        decision: a decision's events in chain order, each with where it lies; empty
            where only the growth of the ledger is to be proved.
        shows_caller: whether the section that says who is disclosed.
        checkpoint: a checkpoint of checkpoints that reaches as far as the events.
        since: an older one that it is to be linked to.
    """

    decision: Sequence[tuple[Event, EventPointer]] = ()
    shows_caller: bool = True
    checkpoint: str
    since: str | None = None


class Prover:
    """Makes proofs from the files. Blocking: call it from a thread."""

    def __init__(self, befit: Path, reader: LedgerReader) -> None:
        self._paths = LedgerPaths(befit=befit)
        self._reader = reader

    def prove(self, claim: Claim, keys: KeyChain) -> Proof:
        """Prove a claim.

        Raises:
            NoteError: a checkpoint is not of this ledger.
            ValueError: the checkpoint does not reach the events, is the older one, or is
                signed by a key that was replaced; or the older one is not of this log.
            WorkspaceError: the ledger is not the one that the checkpoint was signed for.
        """
        if not keys.is_current(claim.checkpoint):
            raise ValueError("it is signed by a key that was replaced; link a new one to it")
        heads = {head.log: head for head in keys.open_heads(claim.checkpoint)}
        older = () if claim.since is None else keys.open_heads(claim.since)
        wanted: defaultdict[str, list[Range]] = defaultdict(list)
        placed = {
            (event.log, event.index): inclusion_ranges(event.index, _size(heads, event.log))
            for event, _ in claim.decision
        }
        grown = {each.log: consistency_ranges(each.size, _size(heads, each.log)) for each in older}
        for (log, _), ranges in placed.items():
            wanted[log] += ranges
        for log, ranges in grown.items():
            wanted[log] += ranges
        roots = {log: self._roots(heads[log], ranges) for log, ranges in wanted.items()}
        for each in older:
            if each.log in heads:
                _require_begins(each, heads[each.log], roots[each.log].path(grown[each.log]))
        return Proof(
            decision=claim.decision[0][0].decision_id if claim.decision else None,
            endorsements=tuple(each.note for each in keys.endorsements),
            checkpoint=claim.checkpoint,
            events=tuple(
                _proven(
                    self._reader.disclosed_at(pointer),
                    _path(roots[event.log], placed[event.log, event.index]),
                    shows_caller=claim.shows_caller,
                )
                for event, pointer in claim.decision
            ),
            since=None if claim.since is None else _since(claim.since, grown, roots),
        )

    def _roots(self, head: LogHead, ranges: Iterable[Range]) -> SubtreeRoots:
        """Pass over the first leaves of a log, up to what its head names."""
        roots = SubtreeRoots(ranges)
        path = self._paths.leaves(head.log)
        with path.open("rb") as leaves:
            for group in read_groups(leaves, start=0, end=path.stat().st_size):
                if roots.size >= head.size:
                    break
                for line in group.leaves:
                    roots.add(leaf_hash(line))
        if (roots.size, roots.root()) != (head.size, head.root):
            raise WorkspaceError(
                f"{path} is not the log that the checkpoint was signed for",
                next_step="run `befit audit verify`",
            )
        return roots


def shown_sections(disclosure: Disclosure) -> tuple[ShownSection | None, ShownSection | None]:
    """The sections of an event, caller and account; both None where they are erased."""
    sections = disclosure.sections
    if sections is None:
        return None, None
    for_caller, for_account = (encode_base64(salt) for salt in disclosure.salts)
    return (
        ShownSection(for_caller, sections.caller.decode()),
        ShownSection(for_account, sections.account.decode()),
    )


def reaches(heads: Iterable[LogHead], events: Iterable[Event]) -> bool:
    """Whether a checkpoint was signed after these events."""
    sizes = {head.log: head.size for head in heads}
    return all(event.index < sizes.get(event.log, 0) for event in events)


def _require_begins(old: LogHead, new: LogHead, path: Sequence[bytes]) -> None:
    if not is_consistent((old.size, old.root), (new.size, new.root), path):
        raise ValueError(f"log {old.log} does not begin with the {old.size} events that it names")


def _proven(disclosure: Disclosure, path: tuple[str, ...], *, shows_caller: bool) -> ProvenEvent:
    caller, account = shown_sections(disclosure)
    return ProvenEvent(
        log=disclosure.event.log,
        index=disclosure.event.index,
        leaf=disclosure.leaf,
        path=path,
        caller=caller if shows_caller else None,
        account=account,
    )


def _since(
    checkpoint: str, grown: Mapping[str, tuple[Range, ...]], roots: Mapping[str, SubtreeRoots]
) -> Since:
    logs = (LogPath(log, _path(roots[log], ranges)) for log, ranges in grown.items() if ranges)
    return Since(checkpoint, tuple(logs))


def _path(roots: SubtreeRoots, ranges: Iterable[Range]) -> tuple[str, ...]:
    return tuple(encode_base64(node) for node in roots.path(ranges))


def _size(heads: Mapping[str, LogHead], log: str) -> int:
    head = heads.get(log)
    return head.size if head else 0
