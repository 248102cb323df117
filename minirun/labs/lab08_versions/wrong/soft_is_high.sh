#!/bin/bash
sed -i 's/^memory.soft_limit_in_bytes =.*/& memory.high/' pairs.txt
