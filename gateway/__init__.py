"""A telephony gateway between Azure Communication Services and Azure Voice Live BYOM."""

import os

__version__ = "0.1.0"

# Matrix products here are small; threads of the linear algebra library would add jitter and no speed. It reads this
# when numpy is first imported, so it stands before every import of ours.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
