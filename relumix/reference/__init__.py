"""Makes references: frames of a plate under another light, by words, by lamps, by another picture's light.

What is delivered is the plate under that light, never a picture of its own. Who makes light is a *maker*
(relumix.reference.maker.Maker): it gets a frame of the plate and returns light at the working size. `job` checks and
runs, `deliver` brings the light onto the full-size plate, as `relumix relight` does, and writes its file.
"""
