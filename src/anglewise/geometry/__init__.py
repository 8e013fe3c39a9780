"""The look of a space: lengths, directions, hubs, duplicates, dimensions."""
