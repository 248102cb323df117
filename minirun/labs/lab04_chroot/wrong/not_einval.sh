#!/bin/bash
minirun lab answer 04 itself EINVAL
