"""Programs that measure charseq, each on its own; `python -m tests.benchmarks.NAME --help` tells how."""

import sys

from charseq import native

if "--numpy" in sys.argv:
    native.BUILDS.clear()  # as where no C was built
native.share_cores()  # before NumPy and torch are loaded, as the commands do
