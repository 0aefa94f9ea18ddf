"""Colour spaces: those of files, and the scene-linear working spaces."""
