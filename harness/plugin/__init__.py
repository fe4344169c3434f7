"""The pytest plugin's rooms, one idea each; `harness.pytest_plugin` is the door that pytest knocks at.

Nothing here is imported before a durable test is collected, so that a suite without one pays for a few hooks only.
"""

PROPERTIES = "harness.explore.properties"
"""The room that whoever writes a property imports. Without one nobody may pay for importing it."""
