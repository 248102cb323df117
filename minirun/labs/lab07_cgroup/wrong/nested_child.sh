#!/bin/bash
minirun lab answer 07 nested 100
