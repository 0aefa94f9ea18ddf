"""A job from its input to its output: windows, light, frames on disk."""
