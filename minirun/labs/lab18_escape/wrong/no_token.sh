#!/bin/bash
minirun run --detach --bundle bundle lab18
./ask 'sh /attack/pivot > /captured/pivot'
