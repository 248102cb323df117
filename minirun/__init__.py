"""minirun: a Linux container runtime that can be read."""

__version__ = "0.1.0"
