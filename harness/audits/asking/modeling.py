"""Models: what an agent asks, from the SDK's client up to the exception that the engine gets to see.

A model is asked as it is, with its client over a transport that fails. So its own handling of errors, its settings and
the fallbacks around it count as they do in production.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from math import inf, prod
from typing import Any

from pydantic_ai.messages import ModelResponse
from pydantic_ai.models.fallback import FallbackModel

from harness.audits.asking.alike import Layered, tell_apart
from harness.audits.asking.clock import ENDED, Slept, in_haste, without_waiting
from harness.audits.asking.falling import Chain, Fallen, requested
from harness.audits.asking.forgetting import forgetting
from harness.audits.asking.heeding import HEEDED, heeds
from harness.audits.asking.judging import JUDGED, judges
from harness.audits.asking.looping import Owner, looping, nested, owners, post_alone
from harness.audits.asking.outcomes import Outcome, nobody_knows
from harness.audits.asking.patience import TIMED, as_patient
from harness.audits.asking.remembering import REMEMBERS, hooks_of, remembers
from harness.audits.asking.sdks import Sdk, Untold
from harness.audits.asking.settling import settled, told
from harness.audits.asking.streaming import (
    EITHER,
    UNSEEN,
    by_library,
    plainly,
    streamed,
    streams_itself,
    streams_once,
)
from harness.audits.asking.transports import Asked, TransportLayer
from harness.audits.asking.trouble import FURTHEST, MOST, Enough, Trouble, first, most
from harness.audits.asking.unseen import BESIDE, Ended, PassedBy, Unseen
from harness.audits.asking.watching import Watch
from harness.audits.asking.wrapped import sdk_below, sdk_of, to_ask, unwrapped, wrapping
from harness.audits.reach import is_own
from harness.retries.arithmetic import FOR_EVER, Course, Times, added, factors, product, spelled, times
from harness.retries.values import MEASURED_TO, STATUSES, Failure, RetryLayer
from harness.subjects import guard
from harness.subjects.loops import run_once


class Asker:
    """One model of an agent, with everything below it; or a provider's client without any model, `client`.

    One that is `inside` a fallback is told apart from the others by the outermost one. `streams` is how runs ask it.
    """

    def __init__(
        self,
        model: Any,
        settings: Any = None,
        *,
        client: Any = None,
        sdk: Sdk | None = None,
        inside: bool = False,
        streams: bool = False,
    ) -> None:
        self.model = to_ask(model, streamed=streams)
        self.streams, self._way = streams, streamed if streams else plainly
        given = dict(settings or {})
        self.untold = {name: value for name, value in given.items() if isinstance(value, Untold)}
        self.settings = {name: value for name, value in given.items() if name not in self.untold}
        self.wrappers = list(wrapping(model, streamed=streams))
        self.fallbacks: Sequence[Asker] = ()
        self.chain: Chain | None = None
        self.unknown: dict[str, str] = {}
        self.loops: dict[str, Owner] = {}
        self._answer: ModelResponse | None = None
        self._forget: Callable[[], None] = lambda: None
        self._is_spent = False
        self._patience: Sequence[float | None] = ()
        self.sdk: Sdk | None = None
        bare = unwrapped(model)
        if isinstance(bare, FallbackModel):
            self.model = bare
            self.fallbacks = [Asker(one, settings, inside=True, streams=streams) for one in bare.models]
            self.chain = Chain([asker.model.model_name for asker in self.fallbacks])
            if not inside:
                tell_apart([pair for asker in self.every for pair in asker.named])
        else:
            self.sdk = sdk or (sdk_below(bare) if client is None else sdk_of(client))
            if "max_retries" in self.untold and not self.sdk.layer.unknown:
                self.sdk.hide(self.untold["max_retries"])
            self.sdk.layer = told(self.sdk, settled(self.model, self.settings))

    @property
    def every(self) -> Iterator[Asker]:
        """Itself, and before it the models of a fallback, and of fallbacks inside it."""
        for asker in self.fallbacks:
            yield from asker.every
        yield self

    @property
    def layers(self) -> Iterator[RetryLayer]:
        """The innermost first. Loops that no setting tells of are among them once they were seen."""
        for asker in self.fallbacks:
            yield from asker.layers
        if self.chain is not None:
            yield self.chain.layer
        if self.sdk is not None:
            yield from (transport.layer for transport in self.sdk.transports)
            yield from (loop.layer for loop in self.loops.values() if loop.inside)
            yield self._named(self.sdk.layer)
        wrapping = {layer.name for layer in self.wrappers}
        yield from (loop.layer for name, loop in self.loops.items() if not loop.inside and name not in wrapping)
        yield from self.wrappers

    @property
    def named(self) -> Iterator[tuple[Layered, str]]:
        """Its own layers that have a name by themselves, with the model's."""
        if self.sdk is not None:
            own: list[Layered] = [*self.sdk.transports, self.sdk]
            yield from ((one, self.model.model_name) for one in own)
        if self.chain is not None:
            yield self.chain, ""

    def _setting(self, name: str) -> Any:
        """One of the model's settings, which pydantic-ai hands to the SDK in place of the client's own, if it does."""
        return settled(self.model, self.settings).get(name)

    def _named(self, layer: RetryLayer) -> RetryLayer:
        """A layer that cannot be asked says whose it is."""
        whose = f"model {self.model.model_name!r}" if self.model is not None else "client"
        named = f"{whose}: {layer.unknown}"
        return layer.model_copy(update={"unknown": named}) if layer.unknown else layer

    def ask(self, failure: Failure) -> Outcome:
        """What becomes of a request to this model, also if it is answered with what no agent takes for an output."""
        self._answer = None
        is_well = failure is Failure.INVALID_OUTPUT
        if self.streams and is_well and (one := next((one for one in self._nested if not streams_once(one)), None)):
            return nobody_knows(self._hide(one, UNSEEN))
        self._way = plainly if not self.streams else by_library if is_well else streamed
        with guard.listening() as hosts, forgetting(*nested(self.model), *self._below) as self._forget:
            outcome = self._asked(failure)
        if hosts and self.sdk is not None:
            name = self.sdk.layer.name
            self.unknown[name] = BESIDE.format(hosts[0])
            outcome = nobody_knows(name)
        if STATUSES.get(failure, 0) >= 400 and outcome.expression.total is not None and self._heeding:
            self.unknown[self._heeding] = HEEDED
            outcome = nobody_knows(self._heeding, unmeasured=HEEDED)
        outcome = self._judged(outcome) if is_well else self._either_way(outcome, failure)
        answer = self._answer if outcome.error is None else None
        return replace(outcome, hasty=lambda: self._in_haste(failure), answer=answer)

    @cached_property
    def _heeding(self) -> str:
        """The layer that decides by what an error says; empty if none does."""
        if self.sdk is None or self.sdk.layer.unknown:
            return ""
        transports = (one.layer.name for one in self.sdk.transports if heeds(one.transport, answers=True))
        around = [(one, False) for one in nested(self.model)]
        around += [(one, True) for one in (self.sdk.client, self.sdk.wire, *hooks_of(self.sdk.wire))]
        if name := next(transports, ""):
            return name
        found = next((one for one, answers in around if heeds(one, answers=answers)), None)
        if found is None:
            return ""
        return self._layer_of(found) if is_own(type(found)) else self.sdk.layer.name

    def _judged(self, outcome: Outcome) -> Outcome:
        """What becomes of an answer that was tried; of any other, where code of the person's own judges it, who knows?

        Who has asked again for this one does so for every answer that no agent takes.
        """
        through = [*([] if self.streams else self._nested), *self._below]
        again = {factor.layer for factor in factors(outcome.expression) if factor.times != 1}
        judging = next((one for one in through if judges(one) and looping(one, "model").name not in again), None)
        if judging is None:
            return outcome
        return replace(outcome, expression=product(outcome.expression, times(None, self._hide(judging, JUDGED))))

    def _either_way(self, outcome: Outcome, failure: Failure) -> Outcome:
        """The outcome of a plain request; nobody knows it where a stream of the person's own comes to another."""
        own = None if self.streams else next(filter(streams_itself, self._nested), None)
        if own is None or (ours := outcome.expression.total) is None:
            return outcome
        theirs = Asker(self.model, {**self.settings, **self.untold}, streams=True).ask(failure).expression
        if theirs.total == ours:
            return outcome
        return nobody_knows(self._hide(own, EITHER.format(spelled(theirs), spelled(outcome.expression))))

    @property
    def _nested(self) -> list[Any]:
        return [*nested(self.model)]

    def _hide(self, own: Any, reason: str) -> str:
        """Say why nobody knows what something of the person's own does; the name of its layer."""
        name = self._layer_of(own)
        self.unknown[name] = reason
        return name

    def _layer_of(self, own: Any) -> str:
        """The name of the layer that something of the person's own is from now on, which no setting tells of."""
        layer = looping(own, "model")
        self.loops[layer.name] = Owner(layer, lambda: None)
        return layer.name

    @property
    def _below(self) -> Iterator[Any]:
        """Whose code a request goes through below the model."""
        if self.sdk is not None and not self.sdk.layer.unknown:
            yield from (self.sdk.client, self.sdk.wire)
            yield from (transport.transport for transport in self.sdk.transports)

    def _in_haste(self, failure: Failure) -> Course:
        with in_haste(), forgetting(*nested(self.model), *self._below):
            return self._asked(failure).course

    def _asked(self, failure: Failure) -> Outcome:
        if hidden := [layer.name for layer in self.wrappers if layer.unknown and layer.decides]:
            return nobody_knows(hidden[0])
        if self.chain is not None:
            return self._fall_back(self.chain.layer.name, failure)
        assert self.sdk is not None
        if self.sdk.layer.unknown:
            return nobody_knows(self.sdk.layer.name)
        if failure is Failure.READ_TIMEOUT and "timeout" in self.untold:
            self.unknown[self.sdk.layer.name] = self.untold["timeout"]
            return nobody_knows(self.sdk.layer.name)
        name = self.sdk.layer.name
        try:
            return self._request(self.sdk, failure)
        except Ended as error:
            self.unknown[name := str(error) or self._own_layer(self.sdk)] = ENDED
        except Unseen as error:
            self.unknown[name] = str(error)
        except Exception as error:  # noqa: BLE001  a client of a make that we have not seen
            self.unknown[name] = f"asking it raised {type(error).__name__}: {error}"
        return nobody_knows(name, unmeasured=ENDED if self.unknown[name] == ENDED else "")

    def _request(self, sdk: Sdk, failure: Failure) -> Outcome:
        if failure is Failure.READ_TIMEOUT and _waits_for_ever(sdk):
            return self._unanswered(sdk)
        patience = (sdk.layer.each or 0.0) if failure is Failure.READ_TIMEOUT else 0.0
        below, trouble, course = [], replace(first(failure), takes=patience), Course(seconds=patience)
        short = False
        for transport in sdk.transports:
            met = self._met(transport, trouble)
            trouble, short = met.trouble, short or met.short
            answer = met.answer
            if transport.layer.unknown or transport.inner is not None or met.sends > 1:
                sends = None if met.unknown else met.sends
                below.append(times(sends, transport.layer.name, endless=met.endless, wait=answer.wait))
            course = course.repeated(answer.attempts, answer.wait)
        if course.endless:
            return Outcome(product(*below), course, None, short=short)
        own, error = self._rehearsed(sdk, trouble, retries=0)
        asked, error = (own, None) if own.endless else self._as_often_as_said(sdk, trouble, own.sends)
        each = [*self._patience] if patience and not asked.endless else []
        if not asked.endless and (one := self._remembering(sdk, trouble, own.sends, asked.sends)):
            self.unknown[one] = REMEMBERS
            return nobody_knows(one)
        if not asked.sends:
            raise PassedBy(error)
        assumed = self.model is None and error is None and not asked.endless
        if assumed:
            error = sdk.read(trouble)
        around = course.repeated(None if asked.endless else asked.sends, asked.answer.wait)
        if {*each} - {patience}:
            around = as_patient(each, asked, around, below)
        once = all(part.times == 1 for part in below)
        parts = [*(() if once else below), *self._sent(asked, [*self._tries(sdk, trouble, own, asked)])]
        return Outcome(product(*parts), around, error, assumed=assumed, short=short)

    def _sent(self, asked: Asked, tries: list[Times]) -> list[Times]:
        """What these layers come to together: what was sent. Where they do not multiply to it, the outermost loop's.

        It asks something else each time, such as a changed copy of the client.
        """
        if asked.endless or prod(one.times or 1 for one in tries) == asked.sends:
            return tries
        whose = next((one.layer for one in reversed(tries) if one.total != 1), tries[-1].layer)
        return [times(asked.sends, whose, wait=asked.answer.wait)]

    def _tries(self, sdk: Sdk, trouble: Trouble, own: Asked, asked: Asked) -> Iterator[Times]:
        """Who sends how often, the innermost first: the SDK, and loops of the person's own inside it and around it.

        `own` is what is sent where the SDK tries once. What is around someone who never ends is not reached.
        """
        loops = [*self._loops(sdk, trouble, own)] if own.endless or own.sends > 1 else []
        inside = [tries for owner, tries in loops if owner.inside]
        around = [tries for owner, tries in loops if not owner.inside]
        yield from inside
        if any(tries.endless for tries in inside):
            return
        below = prod(tries.times or 1 for tries in inside)
        if not own.endless:
            retried, once = asked, max(1, own.sends)
        elif around[0].endless:  # the client's own class
            alone, once = partial(post_alone, sdk), below
            retried, _error = self._rehearsed(sdk, trouble, retries=self._setting("max_retries"), send=alone)
            if retried.endless:  # in a method that is no request's: nobody gets to see the SDK's loop alone
                yield around[0]
                return
        else:
            retried, _error = self._rehearsed(sdk, trouble, retries=self._setting("max_retries"), send=sdk.post)
            once = prod(tries.times or 1 for tries in (*inside, around[0]))
        yield _share(retried, sdk.layer.name, once, below)
        if not retried.endless:
            yield from around

    def _loops(self, sdk: Sdk, trouble: Trouble, own: Asked) -> Iterator[tuple[Owner, Times]]:
        """How often everyone but the SDK sends, up to the first who never ends; those with a loop are layers.

        The outermost has been asked: it sends its `own`.
        """
        sends, everyone = 1, [*owners(sdk, self.model, lambda model: self._send(model, 0))]
        for owner in everyone:
            met = own if owner is everyone[-1] else self._rehearsed(sdk, trouble, retries=0, send=owner.send)[0]
            yield owner, (tries := _share(met, owner.layer.name, sends, sends))
            if tries.total != 1:
                self.loops[owner.layer.name] = owner
            if tries.times is None:
                return
            sends *= tries.times

    def _unanswered(self, sdk: Sdk) -> Outcome:
        """What becomes of a request whose answer is waited for without end: no client gives up, so none tries again."""
        never = replace(first(Failure.READ_TIMEOUT), takes=inf)
        for transport in sdk.transports:
            self._met(transport, never)
        asked, error = self._rehearsed(sdk, never, retries=0)
        if not asked.sends:
            raise PassedBy(error)
        if {*self._patience} - {None}:
            raise Unseen(TIMED)
        return Outcome(times(1, sdk.layer.name), FOR_EVER, None)

    def _as_often_as_said(self, sdk: Sdk, trouble: Trouble, once: int) -> tuple[Asked, BaseException | None]:
        """Send one request with all tries of the SDK, each of which sends `once`. Of too many, only some are made."""
        if (said := self._retries(sdk)) <= FURTHEST:
            return self._rehearsed(sdk, trouble, inside=once)
        some, error = self._rehearsed(sdk, trouble, retries=MEASURED_TO, inside=once)
        return (some.carried_on(said + 1, once) if some.sends == once * (MEASURED_TO + 1) else some), error

    def _remembering(self, sdk: Sdk, trouble: Trouble, once: int, sends: int) -> str:
        """The layer of the person's own that does something else when it is asked again; empty if none does.

        It has sent so much `once`, and then with all tries of the SDK. Where that is kept in what does not forget, it
        is too late for every other failure, too.
        """
        if not self._own(sdk) and not any(hooks_of(sdk.wire)):
            return ""

        def alone() -> int:
            return self._rehearsed(sdk, trouble, retries=0)[0].sends

        def all_tries() -> int:
            return self._as_often_as_said(sdk, trouble, once)[0].sends

        if not self._is_spent and alone() == once and not remembers(sends, sends, all_tries):
            return ""
        self._forget()
        self._is_spent = self._is_spent or alone() != once
        return self._own_layer(sdk)

    def _own(self, sdk: Sdk) -> list[Any]:
        """Who is the person's own of those that a request goes through, but for transports."""
        return [one for one in (sdk.wire, sdk.client, *nested(self.model)) if is_own(type(one))]

    def _own_layer(self, sdk: Sdk) -> str:
        """The name of the layer to which it is put down what code of the person's own does."""
        own = self._own(sdk)
        return self._layer_of(own[0]) if own else sdk.layer.name

    def _met(self, transport: TransportLayer, trouble: Trouble) -> Asked:
        """What a transport does with a trouble. Raises `Ended` if a deadline of its own does it."""
        met = transport.ask(trouble)
        if met.unknown == ENDED:
            raise Ended(transport.layer.name)
        if met.unknown:
            self.unknown[transport.layer.name] = met.unknown
        return met

    def _retries(self, sdk: Sdk) -> int:
        """How often the SDK tries again: as the model's settings say, else as the client does."""
        said = self._setting("max_retries")
        return int(sdk.retries if said is None else said)

    def _rehearsed(
        self,
        sdk: Sdk,
        trouble: Trouble,
        *,
        retries: int | None = None,
        inside: int = 1,
        send: Callable[[], None] | None = None,
    ) -> tuple[Asked, BaseException | None]:
        """Send one request of the model, or of someone below it, over a transport that meets the trouble.

        `retries` are the SDK's, if not its own number; `inside` is how often each of its tries sends.
        """
        if retries is None and self.model is None:
            retries = self._setting("max_retries")
        if send is None:
            send = sdk.post if self.model is None else partial(self._send, self.model, retries)
        with sdk.meeting(trouble, retries=retries) as counter, without_waiting() as slept, _in_time(slept):
            self._patience = () if self.model is None else counter.patience  # a call's own settings are not sent here
            counter.most = most(inside * self._retries(sdk), inside * (retries or 0))
            counter.slept = slept
            try:
                send()
            except Enough:
                return Asked(MOST, counter.waits[:MOST], trouble, endless=True), None
            except Exception as error:  # noqa: BLE001  whatever its caller would see
                return Asked(counter.sends, counter.waits, trouble), error
        return Asked(counter.sends, counter.waits, trouble), None

    def _send(self, model: Any, retries: int | None) -> None:
        """Send one request of a model, with other settings if `retries` are said and the settings would say others."""
        settings = self.settings
        if retries is not None and self._setting("max_retries") is not None:
            settings = {**settings, "max_retries": retries}
        answer = run_once(requested(model, settings, self._way))
        if model is self.model:
            self._answer = answer

    def _fall_back(self, name: str, failure: Failure) -> Outcome:
        """One model after the other, as long as the fallback's own condition says so."""
        outcomes = [asker.ask(failure) for asker in self.fallbacks]
        for asker in self.fallbacks:
            self.unknown |= asker.unknown
        if self.streams and streams_itself(self.model):
            return nobody_knows(self._hide(self.model, UNSEEN))
        watch, fallen = Watch(), Fallen([outcome.error or outcome.answer for outcome in outcomes])
        error, self._answer = fallen.ask(self.model, watch, streamed=self.streams), fallen.answer
        if watch.reason:
            self.unknown[name] = f"fallback_on {watch.reason}"
            return nobody_knows(name)
        taken = [outcomes[number] for number in fallen.turn] or outcomes[:1]
        course = taken[0].course
        for place, outcome in enumerate(taken[1:], 1):
            course = course.lasting(fallen.pause(place)).then(outcome.course)
        taken = taken[: next((place for place, one in enumerate(taken, 1) if one.course.hangs), None)]
        short = any(outcome.short for outcome in taken)
        expression = added(*(outcome.expression for outcome in taken))
        if fallen.turns != 1 and not course.endless:
            loop = Owner(looping(self.model, "model"), partial(self._send, self.model, None))
            self.loops[loop.layer.name] = loop
            turns = times(fallen.turns, loop.layer.name, endless=fallen.endless, wait=fallen.wait)
            expression, course = product(expression, turns), course.repeated(fallen.turns, fallen.wait)
        unmeasured = next((one.unmeasured for one in taken if one.unmeasured), "")
        return Outcome(expression, course, error, short=short, unmeasured=unmeasured)


def _share(met: Asked, layer: str, once: int, inside: int) -> Times:
    """A layer's factor in what was sent: `once` is what is sent where it tries once, `inside` what is sent per try.

    What is no whole number is the next one: never fewer than were sent.
    """
    tries = None if met.endless else max(1, -(-met.sends // once))
    return times(tries, layer, endless=met.endless, wait=lambda attempt: met.answer.wait(attempt * inside))


def _waits_for_ever(sdk: Sdk) -> bool:
    """Whether a client has no read timeout. A transport into which nobody can look may have one of its own."""
    return sdk.layer.each is None and not any(transport.layer.unknown for transport in sdk.transports)


@contextmanager
def _in_time(slept: Slept) -> Iterator[None]:
    yield
    if slept.is_cut:
        raise Ended
