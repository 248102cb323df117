"""A conformance suite for container runtimes, written from the clauses of the OCI runtime spec 1.3.

    python3 -m tests.conformance --runtime runc --runtime crun       (as root; the standard library and gcc suffice)

suite.py       what a case is, and what can come of one
container.py   a container to try: config.json as a dictionary, a root file system, what the probe inside told
life.py        the same container taken through create, start, state, kill and delete
hooks.py       hooks that write down what they see
runtime.py     a runtime, known by its command line only
machine.py     what this machine lacks, and the mounts and processes of the host that a case needs
clauses/       the cases, one file for each part of the spec
known.py       the failures that have been looked into, with their explanation
report.py      the table, as text, Markdown or JSON
"""
