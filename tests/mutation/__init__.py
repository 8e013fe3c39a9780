"""Small changes of the source, drawn at random, that fast tests are to notice."""
