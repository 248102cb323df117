#!/bin/bash
minirun lab answer 01 right root
