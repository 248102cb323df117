#!/bin/bash
printf '%s\n' 'chown CAP_CHOWN' 'read CAP_DAC_OVERRIDE' 'port CAP_NET_ADMIN' >matrix
