"""Light by another picture: the colour and contrast of one, as a map of colours, on the plate."""
