#!/bin/bash
# One edit, in the first of four places that is not among the three faults.
edit() {
    case $1 in
    hostname) sed -i 's/sethostname(self.name)/sethostname("edited")/' minirun/steps/namespaces.py ;;
    full) sed -i 's|("/dev/full", 1, 7)|("/dev/full", 1, 8)|' minirun/plan/devices.py ;;
    umask) sed -i 's/self.value is None else self.value)$/self.value is None else 0o077)/' minirun/steps/program.py ;;
    bounding) sed -i 's/for number in range(64):/for number in range(3):/' minirun/steps/credentials.py ;;
    esac
}

edit "$(./suite.py | grep -E --max-count=1 --only-matching '^green (hostname|full|umask|bounding)' | cut -d ' ' -f 2)"
