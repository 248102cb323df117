#!/bin/bash
"${RUNTIME:-minirun}" run --detach --bundle e lab17e >said 2>&1 </dev/null
