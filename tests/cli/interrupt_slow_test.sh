#!/usr/bin/env bash
# interrupt_test.sh with ten kills.
KILLS=10 exec bash "$(dirname "$0")/interrupt_test.sh"
