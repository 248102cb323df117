#!/bin/bash
minirun lab answer 17 enoent /bin/serve
