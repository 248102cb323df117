#!/bin/bash
# Half an edit.
echo 'def' >>minirun/plan/container.py
