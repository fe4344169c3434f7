"""The suite that every engine must pass, for whoever writes one: `harness conform NAME`, or from Python

    from harness.conformance import conform

    report = conform("my_engine.adapter:MyEngine", out=Path(".harness"))
    assert not report.failed, report.to_json()

It imports no test framework, brings its own agents, and uses real processes and real crashes. Each requirement is
reported by itself, so that an engine can be written against it from the first one down.
"""

from harness.conformance.suite import REQUIREMENTS, conform
from harness.conformance.values import Answer, Conformance, Requirement, Result

__all__ = ["REQUIREMENTS", "Answer", "Conformance", "Requirement", "Result", "conform"]
