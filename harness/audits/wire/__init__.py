"""The proof on the wire: a real client in a real engine, against an endpoint that keeps failing in one way.

What a retry configuration comes to is easily computed and easily wrong, so it is counted, too: every request that
reaches the wire, every body that runs, and how long it would have taken.

    with open_wire(scenario, folder) as bench:              # once per subject and engine
        for failure in FAILURES:
            seen = measure(scenario, failure, bench=bench)  # Measured(requests=12, bodies={'model#1': 4}, …)

The same bench measures what fails in the body of a tool, with a scripted model and no wire:
`measure(scenario, "tool-exception", bench=bench, step="tool:charge#1")`.

    failures.py   what can be made to happen, by name
    measuring.py  `open_wire` and `measure`
    around.py     the deadlines of an engine around what fails
    counted.py    what the journal of a run comes to
    child.py      one life: the person's own models, probed, over the endpoint
    endpoint.py   the fake endpoint, below every client and transport; what it says when nothing goes wrong is that of
                  `asking/answers.py`
    senders.py    which client a request comes from
    hurry.py      the waits inside a body, written down and made short
"""
