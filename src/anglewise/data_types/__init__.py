"""The types that all other rooms use: embeddings, spaces, judgements, neighbours."""
