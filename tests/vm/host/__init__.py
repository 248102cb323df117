"""The host's half of tests/vm/run. guest/agent is the other half."""
