"""Synthetic scenes, rendered under one light at a time (OLAT)."""
