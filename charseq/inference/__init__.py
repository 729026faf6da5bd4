"""Generate and score text with a trained model: sampling, beam search, constraints; no torch."""
