#!/bin/bash
touch kept
