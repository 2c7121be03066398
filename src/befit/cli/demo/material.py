"""`Material`: the texts of the fictional company, as the package carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TypeVar

import msgspec

from befit.vocabulary import DataClass

_T = TypeVar("_T", bound=msgspec.Struct)

_TRAINED_OUTSIDE = 8
"""How many of the mails that belong to no class are trained on; the others are asked."""


class Ticket(msgspec.Struct, frozen=True):
    """One mail to the support desk and the class a person gave it."""

    id: str
    text: str
    label: str


class _Meta(msgspec.Struct, frozen=True):
    data_class: str
    task: str = ""


class _Line(msgspec.Struct, frozen=True):
    id: str
    text: str
    meta: _Meta


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper:
    """A question or a note, with the class that its writer declares.

    Attributes:
        text: the task, where there is one, before what it is about.
        about: the paper's own first words, to tell it by.
    """

    id: str
    text: str
    about: str
    data_class: DataClass


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """What the scenes are played with.

    Attributes:
        labels: the classes, each with its description.
        trained, held_out: tickets; the specialist sees only the former before it is measured.
        trained_outside, outside: mails that belong to no class, in the same two parts.
        plans: broad questions.
        notes: restricted texts.
        public: a text that anybody may read.
        reviews: two public texts that differ in a payment card alone.
    """

    labels: Mapping[str, str]
    trained: tuple[Ticket, ...]
    held_out: tuple[Ticket, ...]
    trained_outside: tuple[Ticket, ...]
    outside: tuple[Ticket, ...]
    plans: tuple[Paper, ...]
    notes: tuple[Paper, ...]
    public: Paper
    reviews: tuple[Paper, ...]

    @classmethod
    def read(cls, *, held_out: int) -> Material:
        """Read the package's data; `held_out` is how many tickets are measured on."""
        outside = _tickets("out_of_scope.jsonl")
        return cls(
            labels=msgspec.yaml.decode(_bytes("labels.yaml"), type=dict[str, str]),
            trained=_tickets("tickets.train.jsonl"),
            held_out=_tickets("tickets.held_out.jsonl")[:held_out],
            trained_outside=outside[:_TRAINED_OUTSIDE],
            outside=outside[_TRAINED_OUTSIDE:],
            plans=_papers("planning.jsonl"),
            notes=_papers("restricted.jsonl"),
            public=_public(),
            reviews=_papers("reviews.jsonl"),
        )


def case_lines(tickets: tuple[Ticket, ...]) -> bytes:
    """Tickets as a file of cases."""
    return msgspec.json.Encoder().encode_lines(tickets)


def _tickets(name: str) -> tuple[Ticket, ...]:
    return tuple(_lines(name, Ticket))


def _papers(name: str) -> tuple[Paper, ...]:
    return tuple(
        Paper(
            id=line.id,
            text=f"{line.meta.task}\n\n{line.text}" if line.meta.task else line.text,
            about=line.text,
            data_class=DataClass.from_word(line.meta.data_class),
        )
        for line in _lines(name, _Line)
    )


def _public() -> Paper:
    """The handbook's section on delivery, which stands on the company's website."""
    section = _bytes("handbook.md").decode().partition("## Delivery")[2].partition("##")[0]
    about = " ".join(section.split())
    return Paper(
        id="handbook",
        text=f"Summarise in two sentences for a customer.\n\n{about}",
        about=about,
        data_class=DataClass.PUBLIC,
    )


def _lines(name: str, kind: type[_T]) -> list[_T]:
    return msgspec.json.Decoder(kind).decode_lines(_bytes(name))


def _bytes(name: str) -> bytes:
    return (resources.files("befit.cli.demo") / "data" / name).read_bytes()
