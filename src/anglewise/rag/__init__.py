"""Passages for a prompt: few, different, relevant with a known probability, within a budget."""

from anglewise.rag.context import Context
from anglewise.rag.false_contexts import FalseContexts, false_contexts
from anglewise.rag.passages import Passage, Passages
from anglewise.rag.relevance import Relevance, learn_relevance

__all__ = [
    "Context",
    "FalseContexts",
    "Passage",
    "Passages",
    "Relevance",
    "false_contexts",
    "learn_relevance",
]
