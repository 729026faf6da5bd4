"""The version of charseq; imports nothing."""

__version__ = "0.1.0"
