"""Reports: functions from a finished value to text, one file per format.

A report decides nothing and computes no verdict: what it shows was settled by a check. To add a format, write one file
with `render(report: SweepReport) -> str` and name it in `harness/cli/`; `json.py` is the smallest example.
"""
