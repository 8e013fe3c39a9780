"""The things everything else is made of: embeddings, spaces, judgements, neighbours."""
