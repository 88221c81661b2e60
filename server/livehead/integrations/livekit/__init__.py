"""LiveKit Agents: a portrait for an agent."""

from livehead.integrations.livekit.avatar_session import AvatarSession
from livehead.integrations.livekit.video_generator import VideoGenerator

__all__ = ["AvatarSession", "VideoGenerator"]
