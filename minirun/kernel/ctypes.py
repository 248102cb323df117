"""What minirun uses of Python's ctypes, from its half that is written in C (`_ctypes`).

The package around that half imports struct and types, prepares for the other byte order, and knows forty types, before
each container (docs/speed.md). What stands here has the package's names and behaves like it. In a Python whose half in
C has other names, the package itself is used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ctypes import *
else:
    try:
        from .half_of_ctypes import *
    except ImportError:
        from ctypes import *
