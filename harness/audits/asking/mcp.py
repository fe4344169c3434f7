"""MCP servers: how long their client waits, what it makes of a server's error, and the HTTP client below it.

The client asks once, for tools as for calls (`pydantic_ai.mcp.MCPToolset`, `fastmcp.Client`): what repeats is below it,
in an HTTP transport of the person's own, or around it, in a hook, in the agent, in the engine. An error that a server
tells of in a call is for the model (`ModelRetry`), and so is an answer that the client has waited for long enough;
unless `tool_error_behavior` is `error`, with which both are raised as they are. What becomes of a failure of HTTP is
not told here but asked, see `sessions.py`.
"""

from __future__ import annotations

from typing import Any

from pydantic_ai import ModelRetry

from harness.audits.asking.sdks import absurd_timeout, in_seconds, read_timeout
from harness.audits.asking.sessions import Sessions, is_over_http, unaskable
from harness.audits.asking.watching import absurd
from harness.retries.arithmetic import FOR_EVER, Course, Expression, times
from harness.retries.values import RetryLayer
from harness.subjects.bare import bare
from harness.subjects.origins import default_of, explicit

CLIENT = "mcp client"
USUAL = {"init_timeout": 5.0, "read_timeout": 300.0}
"""What `MCPToolset` waits for by default, in seconds."""


class Server:
    """One MCP toolset: the layers of its client, and what they make of a server that nobody reaches."""

    def __init__(self, toolset: Any) -> None:
        self.toolset = toolset
        self.client: Any = getattr(toolset, "client", None)
        self.behavior = str(getattr(toolset, "tool_error_behavior", "retry"))
        self.layer = self._client_layer()
        self.sessions: Sessions | None = None
        if not self.layer.unknown and is_over_http(self.client):
            self._look_below()

    @property
    def layers(self) -> list[RetryLayer]:
        """The innermost first."""
        below = self.sessions.transports if self.sessions else []
        return [*(one.layer for one in below), self.layer]

    @property
    def hook(self) -> RetryLayer | None:
        """The hook around every call, which may call the server as often as it likes."""
        given = getattr(self.toolset, "process_tool_call", None)
        if given is None:
            return None
        name = getattr(given, "__qualname__", type(given).__name__)
        reason = f"{name} decides how often the server is called, and only a run shows it"
        return RetryLayer(name="process_tool_call", kind="mcp", origin=explicit("process_tool_call"), unknown=reason)

    def refused(self) -> tuple[Expression, Course]:
        """What is tried when the server cannot be reached, and how long that takes."""
        if self.layer.unknown:
            return times(None, self.layer.name), Course(seconds=float("nan"))
        return times(1, self.layer.name), Course()

    @property
    def raises(self) -> bool:
        """Whether a call raises what goes wrong in it, which is for the model else."""
        return self.behavior == "error"

    @property
    def told(self) -> BaseException:
        """The error of a server that is raised as it is."""
        from fastmcp.exceptions import ToolError

        return bare(ToolError, "harness")

    @property
    def gave_up(self) -> BaseException:
        """What the client raises when it has waited long enough."""
        from fastmcp.exceptions import McpError

        return bare(McpError, "harness")

    @property
    def unanswered(self) -> BaseException:
        """What a call then raises."""
        return self.gave_up if self.raises else ModelRetry("harness")

    def silent(self) -> tuple[Expression, Course]:
        """What is tried when the server does not answer: the client gives up once, and asks nothing again itself."""
        if self.layer.unknown:
            return self.refused()
        patience = self.layer.each
        return times(1, self.layer.name), FOR_EVER if patience is None else Course(seconds=patience)

    def _client_layer(self) -> RetryLayer:
        session = getattr(self.client, "_session_kwargs", None)
        if not isinstance(session, dict) or not hasattr(self.client, "_init_timeout"):
            reason = f"{type(self.toolset).__qualname__} has no client that the audit knows"
            return RetryLayer(name=CLIENT, kind="mcp", unknown=reason)
        told = {"init_timeout": self.client._init_timeout, "read_timeout": session.get("read_timeout_seconds")}  # noqa: SLF001
        if reason := absurd(told):
            return RetryLayer(name=CLIENT, kind="mcp", unknown=reason)
        settings = {name: in_seconds(seconds) for name, seconds in told.items()}
        settings["tool_error_behavior"] = self.behavior
        said = {name: seconds for name, seconds in told.items() if seconds != USUAL[name]}
        said |= {"timeout": said["read_timeout"]} if "read_timeout" in said else {}  # the client calls it so
        origin = explicit(**said) if said else default_of("pydantic_ai")
        return RetryLayer(name=CLIENT, kind="mcp", settings=settings, origin=origin, each=told["read_timeout"])

    def _look_below(self) -> None:
        """Find the HTTP client, which may give up a request sooner than the client of the server does."""
        reason = unaskable(self.client.transport)
        sessions = None if reason else Sessions(self.toolset, self.layer.name)
        if sessions is not None:
            reason = absurd_timeout(sessions.timeout)
        if reason or sessions is None:
            self.layer = self.layer.model_copy(update={"unknown": reason})
            return
        self.sessions, below = sessions, read_timeout(sessions.timeout)
        settings = self.layer.settings | {"timeout of its HTTP client": in_seconds(below)}
        each = min((one for one in (self.layer.each, below) if one is not None), default=None)
        self.layer = self.layer.model_copy(update={"settings": settings, "each": each})
