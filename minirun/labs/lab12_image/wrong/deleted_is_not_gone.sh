#!/bin/bash
minirun lab answer 12 where none
