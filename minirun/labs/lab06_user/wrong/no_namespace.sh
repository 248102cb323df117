#!/bin/bash
sleep 6061 &
