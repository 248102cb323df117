"""No test fails because a machine is slow: hypothesis would fail an example that takes longer than 0.2 s."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
