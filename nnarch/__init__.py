"""Recurrent architectures in JAX and Flax, written for accelerators."""
