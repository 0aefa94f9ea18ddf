"""Gain, in stops: measured at the proxy size, and put onto full-size pixels."""
