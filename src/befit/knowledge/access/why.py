"""`explain`: why a reader can or cannot read a document, along the path that decides it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from befit.identity import Principal
from befit.knowledge.access.acl import Acl, names_of
from befit.knowledge.access.origin import RULE, SOURCE, UNKNOWN
from befit.knowledge.access.rules import Rule
from befit.knowledge.document import Document, DocumentState
from befit.policy import Ruling
from befit.vocabulary import DataClass, Tag


class Readers(Protocol):
    """An access list: its number, where it comes from, who is on it. `AccessList` is one."""

    @property
    def acl_id(self) -> int:
        """Its number."""
        ...

    @property
    def origin(self) -> str:
        """Where it comes from."""
        ...

    @property
    def acl(self) -> Acl:
        """Who is on it."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Decider:
    """What on the list decided.

    Attributes:
        field: `users`, `groups`, `deny_users` or `deny_groups`; `administrator` where the role
            did; empty where the list names nobody that the reader is.
        name: the user or group as the list names it.
    """

    field: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Portion:
    """The passages of a document that have one class and the same tags: policy judges them alike.

    Attributes:
        passages: how many there are.
        ruling: policy's word on `retrieve` of them.
    """

    data_class: DataClass
    tags: frozenset[Tag]
    passages: int
    ruling: Ruling


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """Whether a reader may read a document, and why.

    Attributes:
        allowed: whether they may read any of it.
        because: the one sentence that decides; where only some of it may be read, why not all.
        path: all sentences, from the document to policy's word.
        decider: what on the access list decided.
        rule_ids: the rules of policy that decided, where it was asked.
        passages, readable: how many the document has, and how many of them they may read.
    """

    allowed: bool
    because: str
    path: tuple[str, ...]
    acl_id: int
    origin: str
    decider: Decider
    rule_ids: tuple[str, ...] = ()
    passages: int = 0
    readable: int = 0


def explain(
    reader: Principal,
    document: Document,
    readers: Readers,
    *,
    rule: Rule | None = None,
    portions: Sequence[Portion] = (),
) -> Explanation:
    """Why `reader` can or cannot read `document`.

    Args:
        reader: with the groups they are in now.
        document: as it stands in the store.
        readers: the access list that it is under.
        rule: the rule of `acl.yaml` that matches its path now.
        portions: its passages with policy's word on them; none where it was not asked.
    """
    decider = decider_of(reader, readers.acl)
    is_admitted = readers.acl.admits(reader)
    listed = _listed(reader, decider, readers)
    path = [
        f"{document.doc_id} in {document.collection} is under access list {readers.acl_id}",
        _origin(readers, rule),
        listed,
    ]
    passages = sum(portion.passages for portion in portions)
    allowed, because = is_admitted, listed
    if is_admitted and portions:
        said = {portion: _ruled(portion, passages) for portion in portions}
        path += said.values()
        withheld = [told for portion, told in said.items() if not portion.ruling.permitted]
        allowed = len(withheld) < len(said)
        because = withheld[0] if withheld else listed
    if document.state is not DocumentState.LIVE:
        told = f"the document is {document.state}: nobody finds it until its ingest has ended"
        path.append(told)
        allowed, because = False, (told if allowed else because)
    return Explanation(
        allowed=allowed,
        because=because,
        path=tuple(path),
        acl_id=readers.acl_id,
        origin=readers.origin,
        decider=decider,
        rule_ids=tuple(dict.fromkeys(_rules_of(portions))),
        passages=passages,
        readable=sum(each.passages for each in portions if allowed and each.ruling.permitted),
    )


def _rules_of(portions: Sequence[Portion]) -> Iterator[str]:
    for portion in portions:
        yield from portion.ruling.rule_ids


def decider_of(reader: Principal, acl: Acl) -> Decider:
    """What on a list decides for the reader, in the order in which `Acl.admits` looks."""
    names = names_of(reader)
    for field, meant in (
        ("deny_users", names & acl.deny_users),
        ("deny_groups", reader.groups & acl.deny_groups),
        ("users", names & acl.users),
        ("groups", reader.groups & acl.groups),
    ):
        if meant:
            return Decider(field=field, name=min(meant))
    return Decider(field="administrator" if reader.is_admin else "")


def _origin(readers: Readers, rule: Rule | None) -> str:
    origin = readers.origin
    if origin.startswith(RULE):
        said = f"the list is that of the rule {origin.removeprefix(RULE)} in knowledge/acl.yaml"
        if rule is None or rule.origin != origin:
            now = f"the rule {rule.path}" if rule else "no rule"
            said += f"; {now} matches its path now, which counts once the rules are applied"
        return said
    if origin == SOURCE:
        return "the list is what its source says of its readers, which goes before any rule"
    if origin == UNKNOWN:
        return "its source could not tell who may read it, so nobody but administrators may"
    return "neither its source nor a rule of knowledge/acl.yaml says who may read it"


def _listed(reader: Principal, decider: Decider, readers: Readers) -> str:
    who = reader.name
    match decider.field:
        case "deny_users":
            return f"the list names {decider.name} as one who may not read it; that goes first"
        case "deny_groups":
            return f"{who} is in the group {decider.name}, which may not read it; that goes first"
        case "users":
            return f"the list names {decider.name} as a reader"
        case "groups":
            return f"{who} is in the group {decider.name}, which the list names as readers"
        case "administrator":
            return f"{who} is an administrator, who may read what nobody denies them"
        case _:
            groups = ", ".join(sorted(reader.groups)) or "none"
            empty = not (readers.acl.users or readers.acl.groups)
            named = "nobody" if empty else f"neither {who} nor a group of theirs"
            return f"the list names {named} (groups of {who}: {groups})"


def _ruled(portion: Portion, passages: int) -> str:
    """Policy's word on some passages of a document, or on all of it where it says one word."""
    what = "it"
    if portion.passages < passages:
        tags = f" with {', '.join(sorted(portion.tags))}" if portion.tags else ""
        what = f"{portion.passages} of its {passages} passages, {portion.data_class.word}{tags}"
    ruling = portion.ruling
    by = f" ({', '.join(ruling.rule_ids)})" if ruling.rule_ids else ""
    if ruling.permitted:
        return f"policy permits {what}{by}"
    return f"policy forbids {what}{by}: {'; '.join(ruling.reasons) or 'no rule permits it'}"
