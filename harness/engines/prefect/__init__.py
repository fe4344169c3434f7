"""Prefect: a flow's tasks leave result files, which are used again when somebody retries the flow run."""
