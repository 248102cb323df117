#!/bin/bash
sleep 4711 &
