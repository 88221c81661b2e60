"""Livehead: a real-time talking-head server. Microphone in over WebRTC, a speaking portrait out."""

__version__ = "0.2.0"
