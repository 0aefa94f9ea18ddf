"""Gain, in stops: measured at the proxy size, applied to full-size pixels."""
