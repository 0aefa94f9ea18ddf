"""A job from input to output: check, plan windows, run the engine, write frames."""
