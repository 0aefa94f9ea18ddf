"""Shots on a render farm: job bundles for Open Job Description schedulers, and what their workers call."""

CHUNK_SIZE = 32
"""Default frames of a task. At their ends chunks share windows of 16 frames, which both compute."""
