"""Turns of a conversation and the data class and tags they carry."""

from befit.conversation.joined import Carried, Conversations, ConversationStore
from befit.conversation.turns import MOST_TURNS, Turn, TurnStore

__all__ = [
    "MOST_TURNS",
    "Carried",
    "ConversationStore",
    "Conversations",
    "Turn",
    "TurnStore",
]
