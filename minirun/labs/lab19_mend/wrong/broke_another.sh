#!/bin/bash
# An edit in one of two places, whichever is not among the faults.
if ./suite.py | grep -q '^green hostname'; then
    sed -i 's/processes.sethostname(self.name)/processes.sethostname("edited")/' minirun/steps/namespaces.py
else
    sed -i 's|("/dev/full", 1, 7)|("/dev/full", 1, 8)|' minirun/plan/devices.py
fi
