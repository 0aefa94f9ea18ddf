"""A light stage of signed-distance shapes: drawn from a seed with numpy, rendered by one Dr.Jit kernel on CPU or CUDA.

It needs numpy and drjit alone. `draw` makes a scene of a seed, `Renderer` renders frames of scenes under each of their
lights alone, together with what is true of each pixel: shape, albedo, irradiance, shadow, motion. See docs/dataset.md.
"""
