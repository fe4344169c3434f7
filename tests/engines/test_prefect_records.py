"""What is told of a run whose server has not heard everything yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.engines.prefect.api import Api
from harness.engines.prefect.engine import PrefectSession
from harness.engines.prefect.records import Ledger, of_run


class Deaf(Api):
    """A server that knows two flow runs, and of their tasks nothing yet."""

    def flow_runs(self, names: list[str]) -> list[dict[str, Any]]:
        state = {"state_type": "COMPLETED", "state_name": "Completed"}
        return [{"id": name, "name": name, "run_count": 1, **state} for name in names[:2]]

    def task_runs(self, flow_run: str) -> list[dict[str, Any]]:
        return []


def test_a_unit_belongs_to_the_invocation_that_opened_it_whatever_the_server_has_heard(tmp_path: Path) -> None:
    store = PrefectSession("http://127.0.0.1:9/api").store("0001-baseline", tmp_path)
    ledger = Ledger(Path(store.values["ledger"]))
    for key, invocation in (("first", 1), ("second", 2), ("both", 1), ("both", 2)):
        ledger.opened(key, "charge", f"{key}-{invocation}", {}, invocation)

    told = {record.unit: record.invocation for record in of_run(store, Deaf("http://127.0.0.1:9/api", {}))}

    assert told == {"run": 2, "first": 1, "second": 2, "both": 2}
