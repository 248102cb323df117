"""minirun as a library: what `from minirun import …` gives. Its own processes import worker.py and template.py only."""
