#!/bin/bash
minirun lab answer 13 inside createContainer startContainer poststart
