"""The proof on the wire: a real client in a real engine, against an endpoint that keeps failing in one way.

What a retry configuration comes to is easily computed and easily wrong, so it is counted, too: every request that
reaches the wire, every body that runs, and how long it would have taken.

    with open_wire(scenario, folder) as bench:              # once per subject and engine
        for failure in FAILURES:
            seen = measure(scenario, failure, bench=bench)  # Measured(requests=12, bodies={'model#1': 4}, …)

`measure(scenario, failure, *, bench, limit=25) -> Measured(requests, bodies, seconds, outcome, unbounded)` is called by
the retry audit once per class of failure; predicted and measured then stand side by side.

    failures.py   the ways in which an endpoint fails, by name
    endpoint.py   the fake endpoint, below every client and transport
    answers.py    what it says when nothing goes wrong
    hurry.py      the waits inside a body, written down and made short
    child.py      one life: the person's own models, probed, over the endpoint
    measuring.py  `open_wire` and `measure`
"""
