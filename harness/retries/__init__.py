"""What owns retries, what each owner does with a failure, and what they come to together.

Values only: they cross processes, and nothing here knows an engine or a provider.

    values.py       classes of failure, and `RetryLayer`: one owner of retries
    arithmetic.py   expressions that a person can read, and `Course`: when each request of a failing unit is made
    live.py         what a layer is asked, whoever owns it
    findings.py     what a rule says
    report.py       what an audit comes to
"""
