"""Published escapes, tried on minirun, and each once more on a minirun without the defence that stops it.

weak.py       starts minirun without one of its defences: the table of what is taken out, and how
conftest.py   `attacked`: the minirun under attack, whole and weakened
kit.py        races, and processes that exchange two files for ever
swap.py       such a process

The tests are in the order of docs/escapes.md, which is made of docs/escapes.toml by document.py.
"""
