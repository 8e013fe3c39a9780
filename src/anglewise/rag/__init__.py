"""Passages for a prompt, with calibrated relevance."""

from anglewise.rag.context import Context
from anglewise.rag.prompt import Passage, Passages
from anglewise.rag.relevance import FalseContexts, Relevance, false_contexts, learn_relevance

__all__ = [
    "Context",
    "FalseContexts",
    "Passage",
    "Passages",
    "Relevance",
    "false_contexts",
    "learn_relevance",
]
