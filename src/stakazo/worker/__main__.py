"""A worker as a program of its own, without the other commands: `python -m stakazo.worker [QUEUE ...]`.

Exit codes: 0 asked to stop; 1 can't work here (the log says why); 70 the watchdog ended it, start another.
"""

from __future__ import annotations

import sys

from stakazo.core.loading import undisturbed

with undisturbed():
    from stakazo.worker.process import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
