#!/bin/bash
minirun lab answer 03 runtime unchanged
