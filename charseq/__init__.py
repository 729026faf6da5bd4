"""charseq: train recurrent networks on character sequences, and look inside them."""

from typing import TYPE_CHECKING, Any

from charseq._version import __version__

__all__ = ["Prediction", "Score", "TrainedModel", "__version__", "load", "train", "watch"]

if TYPE_CHECKING:
    from charseq.api import Prediction, Score, TrainedModel, load, train, watch


def __getattr__(name: str) -> Any:
    """The Python interface, which is loaded when it is asked for: `import charseq` alone takes no time."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from charseq import api

    return getattr(api, name)
