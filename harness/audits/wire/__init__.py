"""The proof on the wire: a real client in a real engine, against an endpoint that keeps failing in one way.

What a retry configuration comes to is easily computed and easily wrong, so it is counted, too: every request that
reaches the wire, every body that runs, and how long it would have taken.

    with open_wire(scenario, folder) as bench:              # once per subject and engine
        for failure in FAILURES:
            seen = measure(scenario, failure, bench=bench)  # Measured(requests=12, bodies={'model#1': 4}, …)

`measure(scenario, failure, *, bench, limit=25) -> Measured(requests, bodies, seconds, outcome, unbounded)` is called by
the retry audit once per unit and class of failure; predicted and measured then stand side by side.

    failures.py   the ways in which an endpoint fails
    endpoint.py   the fake endpoint: between a provider's client and the network
    hurry.py      the waits of SDKs and transports, made short and counted
    child.py      one life: the person's own model classes, probed, with the endpoint behind them
    measuring.py  `open_wire` and `measure`
"""
