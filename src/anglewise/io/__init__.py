"""Files in and out: one file for a format, one for all model readers."""
