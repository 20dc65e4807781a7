"""Hydra: the composed config of each job."""
