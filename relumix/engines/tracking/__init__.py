"""Tracking surfaces through a shot, shared by the engines that carry gain along motion."""
