#!/bin/bash
printf '#!/bin/sh\nsleep 1919\n' >mytest.sh
chmod +x mytest.sh
