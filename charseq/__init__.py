"""charseq: train recurrent networks on character sequences, and look inside them."""

__version__ = "0.1.0"
