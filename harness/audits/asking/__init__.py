"""Live layers, asked alone what they do with a failure: transports, provider SDKs, models, tools.

A question goes down through a client as a request would, meets a failure that is made up, and what comes up is the
answer. Whoever is asked is found from the wire up:

    trouble.py      what a failure looks like to an HTTP client
    answers.py      what a provider says when nothing goes wrong
    connects.py     a connection that is refused, below every request
    transports.py   HTTP transports, the innermost first
    clients.py      which objects of a person's own code ask somebody, and who can be asked
    sdks.py         provider SDKs, most of which are made after one template
    google.py       the SDK of Google, of another make
    huggingface.py  the client of Hugging Face, which retries nothing itself
    mcp.py          the client of an MCP server
    sessions.py     the same over HTTP, with what is below it
    modeling.py     models: all that an agent asks, from the SDK's client up to what the engine gets to see
    wrapped.py      what is inside a model
    settling.py     a model's settings, which stand in place of what its client was told
    patience.py     timeouts that requests say themselves
    falling.py      fallbacks: one model after the other
    again.py        what is for an agent's model, which calls again
    looping.py      loops of a person's own around a request, and whose each is
    streaming.py    models that are asked by `request_stream`
    tools.py        tools of an agent, and the decorators on their functions
    executing.py    what is around the calls of tools
    limits.py       what only takes away
    deps.py         what comes with a run, and may be asked by it
    sharing.py      clients that several agents share

What they come to together:

    outcomes.py     what layers make of a failure, as whoever is around them sees it
    enclosing.py    what the engine around them makes of that
    alike.py        layers of one name, told apart

So that asking takes no time, and leaves nothing behind:

    clock.py        waits that take no time, and chance that always falls on one end
    dates.py        the date by such a clock
    elapsing.py     an event loop for waits that race
    forgetting.py   what a person's code keeps in mind meanwhile
    watching.py     policies of a person's own that raise an error themselves

What a policy says of itself, and what no answer shows of a person's own code:

    conditions.py   what a retry condition says to far more than the classes of failure
    jitter.py       whether chance is in the waits
    passing.py      whether code around a call makes it once and no more
    judging.py      whether it looks at what it was answered, and may ask again
    heeding.py      whether it decides by what an error says
    remembering.py  whether it does something else once it has met failures
    unseen.py       why nobody sees what becomes of a request
"""
