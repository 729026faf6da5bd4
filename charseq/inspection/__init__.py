"""Look inside a network: traced tensors with their equations, and gradient norms."""
