#!/bin/bash
minirun lab answer 15 private invalid argument
