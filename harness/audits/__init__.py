"""The retry audit: how often will this really be tried, and who pays.

The room is called `audits`, because `harness.audit` is the function.

    asking/       live layers, each asked alone what it does with a failure; no engine is named here
    collect.py    from an agent to its units, their layers and the prediction
    own.py        the same for a workflow or flow of the person's own
    worker.py     the child: it alone imports the subject
    wire/         real clients in real engines, against an endpoint that keeps failing
    proof.py      every cell of a prediction that can be made to happen, measured
    rules/        what is wrong with a configuration, one idea per file
    advice.py     the smallest change that brings a unit under its budget
    accepted.py   known findings that somebody has accepted
    run.py        `audit`: from a subject to a report
"""
