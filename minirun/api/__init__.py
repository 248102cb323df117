"""minirun as a library: what `from minirun import …` gives. Of this, a run imports worker.py at most."""
