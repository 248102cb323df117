#!/bin/bash
minirun lab answer 14 stop stop
