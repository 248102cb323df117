#!/bin/bash
minirun lab answer 18 nobody pivot
