#!/bin/bash
minirun run --detach --without pid --bundle bundle lab18
./ask 'sh /attack/pid > /captured/pid'
minirun delete --force lab18
