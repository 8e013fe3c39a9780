"""Items for users under a measure, explained, and replayed in time."""
