#!/bin/bash
mkdir date
"${RUNTIME:-minirun}" run --detach --bundle c lab17c >said 2>&1 </dev/null
