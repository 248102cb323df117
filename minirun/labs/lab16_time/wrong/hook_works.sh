#!/bin/bash
minirun lab answer 16 hook working
