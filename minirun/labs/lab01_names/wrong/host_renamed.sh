#!/bin/bash
hostname lab01
