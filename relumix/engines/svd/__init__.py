"""Stable Video Diffusion, trained to carry light: the published method (arXiv 2509.23769)."""
