"""Embeddings to embeddings: what can be done about a similarity that means too little."""
