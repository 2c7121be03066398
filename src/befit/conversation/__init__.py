"""Turns of a conversation and the data class and tags they carry."""

from befit.conversation.joined import Carried, Conversations, ConversationStore

__all__ = ["Carried", "ConversationStore", "Conversations"]
