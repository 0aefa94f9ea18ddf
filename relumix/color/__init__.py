"""Colour spaces: what files are in, and the scene-linear light that is worked in."""
