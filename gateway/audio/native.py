"""`audioop`, imported once: the standard library's until 3.12, the package audioop-lts's from 3.13 on.

Used for G.711 and for the level of a frame. Not for resampling: its ratecv has no anti-alias filter.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # Python 3.11 and 3.12 announce the removal from the standard library; audioop-lts takes over from 3.13 on.
    warnings.filterwarnings("ignore", message="'audioop' is deprecated", category=DeprecationWarning)
    import audioop

__all__ = ["audioop"]
