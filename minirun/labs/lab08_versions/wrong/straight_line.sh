#!/bin/bash
minirun lab answer 08 weight 20
