"""What the kernel tests are made with.

bundle.py     a container to try: config.json as a dictionary, and a root file system that holds the probe
runtime.py    runs it, to its end (`run`) or beside the test (`running`), with minirun, runc or crun
outside.py    what the host's /proc says about a process
host.py       what is on the host before and after
helpers.py    mounts and processes of the host that a test needs, ended with it
needs.py      reasons to skip
screen.py     a terminal for error messages
typist.py     a terminal with a test at its keyboard
users.py      a user who is not root
leader.py     the shell's part at that terminal
"""
