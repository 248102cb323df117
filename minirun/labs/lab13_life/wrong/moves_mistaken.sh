#!/bin/bash
minirun lab answer 13 moves created stopped
