"""Programs that measure charseq, run by `python -m`; each has `--help`.  README.md has the results."""

import sys

from charseq import native

if "--numpy" in sys.argv:
    native.BUILDS.clear()  # as without a compiler
native.share_cores()  # before NumPy and torch are loaded, as the command line does it
