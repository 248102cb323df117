#!/bin/bash
# The solution, but for what makes the difference.
# shellcheck disable=SC2016 # digest is a function of the solution's
later='echo >>image/blobs/sha256/$(digest manifest.json)'
sed "/^# ---- the directory/,\$d; s|^echo .*oci-layout|&; $later|" "$(dirname "$0")/../solution.sh" | bash
