"""What a trained model writes: one symbol after the other or by a search, freely or within bounds."""
