#!/bin/bash
# shellcheck disable=SC2016 # it is the test that has the variable
printf '#!/bin/sh\n"$RUNTIME" --version\n' >mytest.sh
