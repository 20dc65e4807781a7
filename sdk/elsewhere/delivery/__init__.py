"""Delivery: what lies in run folders, brought into the store."""
