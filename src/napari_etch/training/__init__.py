"""Data, losses and loops that train the models."""
