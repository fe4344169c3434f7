"""Real processes: a warm interpreter that is forked for each life of a subject, and nothing left behind afterwards.

The runner's side is `zygote` (start one, ask it for incarnations) and `watchdog` (wait for one, end it when it hangs).
Everything else runs in other processes, so each of those files says in which:

    harness             the person's process                                        zygote, watchdog, environment
      guard             ends everything when the harness is gone; does nothing else guard
        nursery         has imported the subject once and forks it for each life    nursery, spare, complaint
          incarnation   one life of the subject; dies often, by design              newborn, pages, stacks, worker
"""
