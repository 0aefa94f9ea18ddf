"""Plates on disk: which files make a shot, what is in them, and how a relit frame is written back."""
