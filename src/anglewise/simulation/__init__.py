"""Data made by recipe: who took what in a catalogue whose truth is known."""
