"""Findings that somebody has accepted: with a reason, perhaps for a while."""

from __future__ import annotations

from datetime import date

import pytest

from harness.audits.accepted import accepting, idle, lapsed, load_accepted
from harness.errors import UsageError
from harness.retries.arithmetic import times
from harness.retries.findings import Accepted, AuditFinding
from harness.retries.values import Failure
from harness.verdict import Severity, Status
from tests.audits.reports import cell, model, report

FINDING = AuditFinding(rule="no-backoff", severity=Severity.ERROR, unit="tool:charge", message="m", remedy="r")

MATCHES = {
    "by rule": (Accepted(rule="no-backoff", reason="known"), True),
    "by unit": (Accepted(rule="no-backoff", unit="tool:charge", reason="known"), True),
    "by pattern": (Accepted(rule="no-backoff", unit="tool:*", reason="known"), True),
    "another unit": (Accepted(rule="no-backoff", unit="model", reason="known"), False),
    "another rule": (Accepted(rule="no-jitter", reason="known"), False),
    "until today": (Accepted(rule="no-backoff", reason="known", expires=date(2026, 11, 21)), True),
    "until yesterday": (Accepted(rule="no-backoff", reason="known", expires=date(2026, 11, 20)), False),
}


@pytest.mark.parametrize(("accepted", "matches"), MATCHES.values(), ids=MATCHES.keys())
def test_a_finding_is_accepted_by_rule_and_unit_until_its_end(accepted, matches):
    (marked,) = accepting([FINDING], [accepted], today=date(2026, 11, 21))
    assert (marked.accepted is not None) is matches


LAPSED = {
    "until yesterday": (MATCHES["until yesterday"][:1], True),
    "until today": (MATCHES["until today"][:1], False),
    "without an end": (MATCHES["by rule"][:1], False),
    "of another unit": ((Accepted(rule="no-backoff", unit="model", reason="r", expires=date(2026, 1, 1)),), False),
    "accepted again": ((MATCHES["until yesterday"][0], MATCHES["by unit"][0]), False),
}


@pytest.mark.parametrize(("accepted", "told"), LAPSED.values(), ids=LAPSED.keys())
def test_an_acceptance_that_has_ended_is_told_in_one_sentence(accepted, told):
    today = date(2026, 11, 21)
    sentence = "no-backoff of tool:charge was accepted until 2026-11-20 (known), which has passed, so it counts again"
    assert lapsed(accepting([FINDING] * 2, accepted, today), accepted, today) == ((sentence,) if told else ())


IDLE = {
    "fits": (Accepted(rule="no-backoff", unit="tool:*", reason="r"), ()),
    "fits, and has ended": (Accepted(rule="no-backoff", reason="r", expires=date(2026, 1, 1)), ()),
    "misspelt": (
        Accepted(rule="no-backoff", unit="tool:chrge", reason="r"),
        ("no-backoff of tool:chrge is accepted (r), and there is no such unit here, did you mean 'tool:charge'?",),
    ),
    "stale": (
        Accepted(rule="no-jitter", unit="tool:charge", reason="two\nlines"),
        ("no-jitter of tool:charge is accepted (two lines), and nothing of it was found here",),
    ),
}


@pytest.mark.parametrize(("accepted", "told"), IDLE.values(), ids=IDLE.keys())
def test_an_entry_that_is_about_nothing_is_told_in_one_sentence(accepted, told):
    assert idle([FINDING], [accepted], ["model", "tool:charge"]) == told


def test_an_accepted_finding_does_not_fail():
    known_unit = model(cell(Failure.UNAVAILABLE, times(1, "openai")))
    open_report = report(known_unit).model_copy(update={"findings": (FINDING,)})
    assert open_report.status is Status.FAILED
    known = FINDING.model_copy(update={"accepted": Accepted(rule="no-backoff", reason="known")})
    assert open_report.model_copy(update={"findings": (known,)}).status is Status.PASSED


def test_a_file_is_read(tmp_path):
    file = tmp_path / "accepted.yaml"
    file.write_text("accepted:\n  - {rule: no-backoff, unit: model, reason: known, expires: 2027-01-01}\n")
    assert load_accepted(file) == (Accepted(rule="no-backoff", unit="model", reason="known", expires=date(2027, 1, 1)),)


BAD = {
    "no list": ("accepted: 3", "it is a mapping with one list"),
    "no mapping": ("- rule: x", "it is a mapping with one list"),
    "no YAML": ("accepted: [", "cannot read"),
    "no reason": ("accepted: [{rule: no-backoff}]", "entry 1 .* reason: Field required"),
    "an empty reason": ("accepted: [{rule: no-backoff, reason: ' '}]", "without a reason"),
    "no such rule": ("accepted: [{rule: no-backof, reason: known}]", "there is no such rule"),
    "a misspelt field": ("accepted: [{rule: no-backoff, reason: known, untl: 1}]", "untl"),
    "no date": ("accepted: [{rule: no-backoff, reason: known, expires: soon}]", "expires"),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD.keys())
def test_a_wrong_file_is_one_sentence(tmp_path, text, words):
    file = tmp_path / "accepted.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=words) as refused:
        load_accepted(file)
    assert "\n" not in str(refused.value)
