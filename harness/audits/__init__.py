"""The retry audit: how often will this really be tried, and who pays.

The room is called `audits`, because `harness.audit` is the function. One audit:

    run.py          `audit`: from a subject to a report
    given.py        what it is asked with, looked at before any work
    keys.py         whether a key that was said of a tool is in what the tool takes
    scratch.py      its folder
    worker.py       the child: it alone imports the subject
    alone.py        the child of a static audit: an interpreter for one question

The prediction, from a subject to its units, the layers around each and what those come to:

    collect.py      an agent: its model, its tools, its servers, its runs
    asked.py        what asks a provider: a model, a client without any
    hooked.py       hooks around a model's requests that ask by themselves
    beside.py       an agent's functions that are no tools
    own.py          a workflow or flow of the person's own
    inside.py       what the body of a tool or a step asks itself
    agents.py       an agent that a step runs: what it has beside its model
    asking/         live layers, each asked alone what it does with a failure; no engine is named here

What a person's code does, as far as it tells without being run:

    reach.py        what a function can reach: the clients and agents that its code names
    naming.py       what code names, and in what way
    holding.py      what objects and containers hold
    making.py       clients that a function makes once, and keeps
    arguments.py    what a function is given before anybody calls it
    running.py      the units that a call makes of what it is given, with the options that it says
    copying.py      units that calls change, as they are called
    calling.py      what the calls of units say of how they are tried, where no object knows it
    telling.py      what calls say to whom they ask, in place of what a client was told
    spelled.py      what an expression is that is spelled out, or names what is there
    lending.py      functions that code hands to others, which run there
    rounds.py       loops around what asks
    translating.py  what the code in between makes of an error
    sources.py      the source, parsed

The proof, and the findings:

    targets.py      what is made to fail, so that a cell can be counted
    wire/           real clients in real engines, against an endpoint that keeps failing
    proof.py        every cell of a prediction that can be made to happen, measured
    rules/          what is wrong with a configuration, one idea per file
    advice.py       the smallest change that brings a unit under its budget
    accepted.py     known findings that somebody has accepted
"""
