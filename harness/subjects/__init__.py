"""What is under test, and everything the harness puts around it: script, scripted model, world, probes."""
