"""Drives recorded in CARLA under many lights."""
