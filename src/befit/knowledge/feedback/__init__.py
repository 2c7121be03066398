"""What is said of answers from documents, kept with what was asked."""

from befit.knowledge.feedback.feedback import (
    MOST_NOTE_CHARS,
    AskedQuestion,
    FeedbackStore,
    Opinion,
    RatedQuestion,
    Rating,
    ShownPassage,
)

__all__ = [
    "MOST_NOTE_CHARS",
    "AskedQuestion",
    "FeedbackStore",
    "Opinion",
    "RatedQuestion",
    "Rating",
    "ShownPassage",
]
