"""Faults, injected and counted, while real runners and workers run real tasks.

kinds      what a fault is, and the list of all kinds
arena      one episode: a database, processes, tasks, and the ledger
crew       what the processes do: the real Runner, and a worker that dies where it is ordered to
workload   the tasks
judge      what must hold afterwards
episode    from an empty database to the judge's findings
"""
