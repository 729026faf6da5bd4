"""Say that an export has the network without its n-gram model, and what its loss is."""

from charseq.model.model_file import Model
from charseq.render.quantities import measure


def losses(model: Model) -> tuple[float | None, float | None]:
    """Return the validation losses of a model and of its network, in nats per symbol; None if unknown."""
    loss = model.training.get("validation_loss")
    alone = model.training.get("network_validation_loss")
    return loss, loss if model.mixture is None else alone


def network_alone(model: Model) -> str:
    """Return a sentence about a network that is exported without its n-gram model; empty if it has none."""
    if model.mixture is None:
        return ""
    loss, alone = losses(model)
    if loss is None or alone is None:
        return "The export has the network alone, without its n-gram model; no validation loss is known."
    return (
        f"The export has the network alone: {measure(alone)} nats per {model.vocabulary.unit}; "
        f"with its n-gram model {measure(loss)}."
    )
