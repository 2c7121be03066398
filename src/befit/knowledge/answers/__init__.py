"""Answers that show where they stand: quoted, or written and checked; or that there is none."""

from befit.knowledge.answers.checking import check_written
from befit.knowledge.answers.model import QuotingModel, packaged_quoting
from befit.knowledge.answers.quotation import NOT_IN_DOCUMENTS, Quotation
from befit.knowledge.answers.quoting import quote
from befit.knowledge.answers.sentence import Sentence, candidate_sentences
from befit.knowledge.answers.writing import repair_message, writing_messages
from befit.knowledge.answers.written import Claim, Fault, Written

__all__ = [
    "NOT_IN_DOCUMENTS",
    "Claim",
    "Fault",
    "Quotation",
    "QuotingModel",
    "Sentence",
    "Written",
    "candidate_sentences",
    "check_written",
    "packaged_quoting",
    "quote",
    "repair_message",
    "writing_messages",
]
