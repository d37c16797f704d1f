"""Measurements of speed and memory beside other libraries. Peers are imported only where used."""
