#!/bin/bash
# Whoever has forgotten --without, and tries only what does not need this hole, sees all of it fail.
minirun run --detach --without masked-paths --bundle bundle lab18
./ask 'cd /kept; touch pivot descriptors pid masked-paths readonly-paths admin'
