"""C kernels: cells, products and dropout, for processors with AVX-512, with AVX2, and for any other."""

from charseq.native.loader import (
    BUILDS,
    Kernel,
    MLSTMChunk,
    Product,
    Recurrence,
    bfloat16_is_fast,
    can_run,
    has_bfloat16,
    kernels,
    library,
    open_build,
    products_are_fast,
)
from charseq.native.threads import share_cores

__all__ = [
    "BUILDS",
    "Kernel",
    "MLSTMChunk",
    "Product",
    "Recurrence",
    "bfloat16_is_fast",
    "can_run",
    "has_bfloat16",
    "kernels",
    "library",
    "open_build",
    "products_are_fast",
    "share_cores",
]
