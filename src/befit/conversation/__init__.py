"""Turns of a conversation and the joined data class they carry."""

from befit.conversation.joined import Conversations, ConversationStore

__all__ = ["ConversationStore", "Conversations"]
