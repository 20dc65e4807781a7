"""Delivery: the content of run folders, brought into the store."""
