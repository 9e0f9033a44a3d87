"""Work on what others wrote, in a process of its own with little time and little memory."""

from ._sandbox import Bounds, Sandbox, SandboxError, folders_of

__all__ = ["Bounds", "Sandbox", "SandboxError", "folders_of"]
