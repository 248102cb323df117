#!/bin/bash
minirun lab answer 03 default shared
