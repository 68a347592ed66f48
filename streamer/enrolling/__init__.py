"""``streamer enroll``: teach the network this person, this camera and this room, and keep it as a profile."""

from streamer.enrolling.command import main

__all__ = ["main"]
