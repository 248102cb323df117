#!/bin/bash
sleep 47171 &
