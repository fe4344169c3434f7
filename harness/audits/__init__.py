"""The retry audit: how often will this really be tried, and who pays.

The room is called `audits`, because `harness.audit` is the function.

    asking/       live layers, each asked alone what it does with a failure; no engine is named here
    collect.py    from an agent to its units, their layers and the prediction
    asked.py      the units that ask a provider: a model, a client without any
    hooked.py     hooks around a model's requests that ask by themselves
    own.py        the same for a workflow or flow of the person's own
    reach.py      what a person's function can reach: the clients and agents that its code names
    naming.py     what code names, and in what way
    holding.py    what objects and containers hold, seen without running them
    copying.py  units that calls change, as they are called
    running.py    the units that a call makes of what it is given, with the options that it says
    calling.py    what the calls of units say of how they are tried, where no object knows it
    telling.py    what calls say to whom they ask, in place of what a client was told
    spelled.py    what an expression is that is spelled out, or names what is there
    lending.py    functions that code hands to others, which run there
    translating.py  what the code in between makes of an error
    sources.py    the source of a person's code, parsed
    agents.py     an agent that a step runs: what it has beside its model
    inside.py     what the body of a tool or a step asks itself
    worker.py     the child: it alone imports the subject
    wire/         real clients in real engines, against an endpoint that keeps failing
    targets.py    what is made to fail, so that a cell can be counted
    proof.py      every cell of a prediction that can be made to happen, measured
    rules/        what is wrong with a configuration, one idea per file
    advice.py     the smallest change that brings a unit under its budget
    accepted.py   known findings that somebody has accepted
    scratch.py    the folder of one audit
    run.py        `audit`: from a subject to a report
"""
