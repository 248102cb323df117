#!/bin/bash
# The solution, but for what makes the difference.
sed '/^# ---- the directory/,$d; s|^echo .*oci-layout|&; echo >>image/blobs/sha256/$(digest manifest.json)|' "$(dirname "$0")/../solution.sh" | bash
