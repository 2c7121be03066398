"""`Canary`: a planted document that whoever may not read it must not hear of.

What is unique about it are its marks, words that occur nowhere else: in its id, its title, its
metadata, and one, the secret, only in its text. An adversary who knows all of the text but the
secret ranks it first; the secret in anything that they are shown is a leak.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

MARK_LETTERS = "bcdfghjklmnpqrstvwxz0123456789"
_ADJECTIVES = (
    "amber brackish copper dented ebony folding gilded hollow ivory jagged knotted lacquered "
    "mottled narrow oblong pleated quilted rusted scarlet tapered umber varnished woven yellow"
)
_MATERIALS = (
    "barley cedar dune ember flint granite heron iris juniper kelp linen marsh nettle opal "
    "pepper quartz reed saffron thistle umbra velvet willow yarrow zephyr"
)
_THINGS = (
    "anchor bobbin cradle derrick engine furnace gimbal hopper ingot jetty kiln ledger mast "
    "nozzle orchard pulley quarry rudder spindle tiller urn valve winch yoke"
)
_PLACES = ("the north yard", "hall seven", "the lower dock", "the old mill", "the test bench")
_ENDING = ".md"
_CLASSES = (None, None, "public", "internal", "internal", "confidential", "restricted")


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Who may read and who may not, as a document's own row or a rule of `acl.yaml` says."""

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    deny_users: frozenset[str] = frozenset()
    deny_groups: frozenset[str] = frozenset()

    def as_file(self) -> dict[str, list[str]]:
        """The keys that say something, as JSON Lines and `acl.yaml` take them."""
        said = {
            "users": sorted(self.users),
            "groups": sorted(self.groups),
            "deny_users": sorted(self.deny_users),
            "deny_groups": sorted(self.deny_groups),
        }
        return {key: names for key, names in said.items() if names}


@dataclass(frozen=True, kw_only=True, slots=True)
class Canary:
    """One planted document.

    Attributes:
        doc_id: a file's is its path.
        folder: where its file lies, so that rules of `acl.yaml` speak of it; None: it is a row
            of JSON Lines.
        access: what its row says; None of a file, and of a row that says nothing.
        subject: what it is about; a twin tells of the same in the same words.
        reference: a value that its metadata alone have; files have no metadata.
        is_gone: removed, or another text stands in its place.
    """

    tenant: str
    collection: str
    doc_id: str
    folder: str | None
    access: Access | None
    title: str
    subject: str
    place: str
    secret: str
    reference: str
    date: str
    data_class: str | None
    is_gone: bool = False

    @property
    def sentences(self) -> tuple[str, ...]:
        """What it says, all but the secret."""
        return (
            f"The {self.subject} stands in {self.place} and is looked after every week.",
            f"Only the keeper of the {self.subject} may open its cover.",
            f"Faults of the {self.subject} are written down on the day they are seen.",
        )

    @property
    def telling(self) -> str:
        """The sentence with the secret."""
        return f"The release code of the {self.subject} is {self.secret}."

    @property
    def text(self) -> str:
        """The whole text."""
        first, *others = self.sentences
        return " ".join((first, self.telling, *others))

    @property
    def marks(self) -> tuple[str, ...]:
        """The words that tell of it: any of them in the wrong hands is a leak."""
        in_id = self.doc_id.removesuffix(_ENDING).rpartition("-")[2]
        in_title = self.title.rpartition(" ")[2]
        return (in_id, in_title, self.secret, self.reference)


def new_mark(chance: random.Random) -> str:
    """A word that nothing else contains."""
    return "zq" + "".join(chance.choices(MARK_LETTERS, k=12))


def new_subjects(chance: random.Random, number: int) -> list[str]:
    """Things to write about, each of its own words."""
    every = [
        f"{adjective} {material} {thing}"
        for adjective in _ADJECTIVES.split()
        for material in _MATERIALS.split()
        for thing in _THINGS.split()
    ]
    return chance.sample(every, number)


def new_canary(
    chance: random.Random,
    subject: str,
    *,
    tenant: str,
    collection: str,
    folder: str | None,
    access: Access | None,
) -> Canary:
    """A document about a subject with marks of its own."""
    doc_id = f"note-{new_mark(chance)}"
    return Canary(
        tenant=tenant,
        collection=collection,
        doc_id=f"{folder}/{doc_id}{_ENDING}" if folder else doc_id,
        folder=folder,
        access=access,
        title=f"Handling of the {subject}, sheet {new_mark(chance)}",
        subject=subject,
        place=chance.choice(_PLACES),
        secret=new_mark(chance),
        reference=new_mark(chance),
        date=f"2025-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
        data_class=chance.choice(_CLASSES),
    )
