#!/bin/bash
minirun lab answer 02 end TERM
