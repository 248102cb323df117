#!/bin/bash
minirun lab answer 19 equivalent a
