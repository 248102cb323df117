#!/bin/bash
ip netns add lab05in
