"""Light by words: an image model's picture of the plate under another light, of which the light is taken over."""
