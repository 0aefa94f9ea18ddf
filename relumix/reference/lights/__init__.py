"""Light by lamps: a rig of lights on the geometry of a frame."""
