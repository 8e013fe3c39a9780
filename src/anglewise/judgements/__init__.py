"""Relevance judgements: as they are recorded, combined, constructed and stored."""
