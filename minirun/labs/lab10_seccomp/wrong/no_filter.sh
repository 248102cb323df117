#!/bin/bash
"${RUNTIME:-minirun}" run --detach --bundle bundle lab10
