"""What is done to a table of who used what before anything is learned from it."""
