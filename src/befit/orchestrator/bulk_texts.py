"""`BulkTexts`: texts of a bulk embedded batch by batch, each under a permit of its own.

    texts = await bulk.texts.examined([ClassedText(id="1", text="..", data_class=internal)])
    vectors = await bulk.texts.embedded(texts)

Where a bulk has more rows than may be held, neither they nor a permit for all of them exists
at once: a batch is examined, permitted for its own joined class, embedded and settled before
the next one. All of them are one decision.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import msgspec
import numpy as np
from numpy.typing import NDArray

from befit.catalog import ModelCard, card_version
from befit.errors import Forbidden, NoFitModel
from befit.inference import TextsCall
from befit.messages import Embeddings, TokenUsage
from befit.metering import most_texts_cost_usd
from befit.orchestrator.account import BulkRows, Intent
from befit.orchestrator.calls import Calls, PermittedCall
from befit.orchestrator.collaborators import Collaborators
from befit.orchestrator.inspection import embedder_of, vectors_of
from befit.orchestrator.run import Run
from befit.policy import ClassedText, ClassOrigin, DataClassification, Form
from befit.policy.detection import Examination, Examine
from befit.vocabulary import DataClass, Purpose, Tag

_VERSION_MARKS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedRow:
    """One text's row in the sealed table; the tokens of its batch stand on the first."""

    id: str
    model: str
    data_class: DataClass
    latency_ms: float
    usage: TokenUsage
    cost_usd: Decimal | None


class BulkTexts:
    """The texts of one bulk. Batches may be examined while another one is embedded.

    Attributes:
        answering: the model that embedded; None until one has.
    """

    def __init__(self, run: Run, rooms: Collaborators, calls: Calls) -> None:
        self._run = run
        self._rooms = rooms
        self._calls = calls
        self.answering: ModelCard | None = None

    @property
    def decision_id(self) -> str:
        """The one decision of all batches."""
        return self._run.decision_id

    @property
    def embedder(self) -> str:
        """The model that embeds, with its version: vectors of another one are no match.

        Raises:
            NoFitModel: the catalog has none.
        """
        card = self._card
        return f"{card.name}@{card_version(card).removeprefix('sha256:')[:_VERSION_MARKS]}"

    async def examined(self, texts: Sequence[ClassedText]) -> tuple[ClassedText, ...]:
        """The texts, each raised to what it holds; what they hold joins the bulk's class.

        A text that cannot be examined may hold anything: it is restricted, with every tag.
        """
        examine = self._run.in_force.examine
        if examine is None or not texts:
            return tuple(texts)
        found = await asyncio.to_thread(_examinations, examine, [each.text for each in texts])
        for examination in found:
            self._run.classification = self._run.classification.joined(examination)
        singly = ((each, at) for each in found for at in range(len(each.spans)))
        return tuple(
            _raised(text, examination, at)
            for text, (examination, at) in zip(texts, singly, strict=True)
        )

    async def embedded(self, texts: Sequence[ClassedText]) -> NDArray[np.float32]:
        """Vectors for a batch, under one permit for the class that its texts have together.

        Raises:
            Forbidden: policy does not let the model read this class, or only redacted.
            NoFitModel: no model embeds in process.
            ModelFailure: the call failed; it is settled.
        """
        card, step = self._card, self._step(texts)
        plain = tuple(each.text for each in texts)
        intent = Intent(purpose=Purpose.EMBEDDING, most_usd=most_texts_cost_usd(card, plain))
        self.answering = card
        try:
            call = await self._calls.reserve(step, card, intent)
            async with self._calls.settling(step, call) as settlement:
                await self._require_raw(step, call)
                embeddings = await self._rooms.caller.embed(
                    TextsCall(permit=call.permit, card=card, texts=plain)
                )
                settlement.usage = embeddings.usage
                settlement.rows = await self._kept(step, call, texts, embeddings)
        finally:
            self._run.spend(step.usage, step.cost_usd, step.model_ms)
        return vectors_of(embeddings)

    async def situate(self) -> None:
        """Put the class of all that was embedded to policy once more, for the record."""
        if self.answering is not None:
            self._run.situation = await self._calls.situation(
                self._run, (self.answering,), purpose=Purpose.EMBEDDING
            )

    @property
    def _card(self) -> ModelCard:
        card = embedder_of(self._run.catalog)
        if card is None:
            raise NoFitModel(
                "no model embeds documents in process",
                next_step="befit models add minilm-l6 --via embedded",
            )
        return card

    def _step(self, texts: Sequence[ClassedText]) -> Run:
        """The run as this batch sees it: its own class and spending, the same decision."""
        joined = DataClassification(
            data_class=max((each.data_class for each in texts), default=DataClass.PUBLIC),
            origin=ClassOrigin.DETECTED,
            tags=frozenset(tag for each in texts for tag in each.tags),
        )
        return replace(
            self._run,
            classification=joined,
            situation=None,
            forms={},
            usage=TokenUsage(),
            cost_usd=Decimal(0),
            model_ms=0.0,
        )

    async def _require_raw(self, step: Run, call: PermittedCall) -> None:
        """The rules in force now must permit it too, and the texts as they are."""
        await self._calls.confirm(step, call, under=self._run.policy.hash)
        if step.form_for(call.card) is Form.REDACTED:
            raise Forbidden(
                f"policy lets {call.card.name!r} read these texts redacted only, and what is "
                "embedded must be what is searched"
            )

    async def _kept(
        self, step: Run, call: PermittedCall, texts: Sequence[ClassedText], found: Embeddings
    ) -> BulkRows:
        """The sealed table that the batch's `settled` commits to."""
        card = call.card
        cost_usd = card.cost_usd(found.usage)
        each_ms = (time.perf_counter() - call.started) * 1000 / max(1, len(texts))
        rows = [
            EmbeddedRow(
                id=each.id,
                model=card.name,
                data_class=each.data_class,
                latency_ms=round(each_ms, 3),
                usage=found.usage if number == 0 else TokenUsage(),
                cost_usd=cost_usd if number == 0 else Decimal(0),
            )
            for number, each in enumerate(texts)
        ]
        table = await self._rooms.tables.keep(
            self._run.principal.tenant,
            msgspec.json.Encoder(decimal_format="string").encode_lines(rows),
            subject=self._run.principal.id,
            data_class=step.classification.data_class,
        )
        return BulkRows(n=len(rows), table=table, cost_usd=cost_usd)


def _examinations(examine: Examine, texts: Sequence[str]) -> list[Examination]:
    """Examinations of the texts in order: one of all, or where that fails each alone."""
    together = examine(texts)
    if together.failed is None or len(texts) == 1:
        return [together]
    return [examine((text,)) for text in texts]


def _raised(text: ClassedText, examination: Examination, at: int) -> ClassedText:
    if examination.failed is not None:
        return replace(text, data_class=DataClass.RESTRICTED, tags=frozenset(Tag))
    asked = examination.consequence_of(at)
    if asked.data_class <= text.data_class and asked.tags <= text.tags:
        return text
    return replace(
        text,
        data_class=max(text.data_class, asked.data_class),
        tags=text.tags | asked.tags,
    )
