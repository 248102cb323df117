from __future__ import annotations

from ..plan.container import Options


def script(options: Options) -> str:
    return ""
