"""HTTP: the public functions of the schema `tasker` as a web API, health, and metrics.

    gate      what a request must pass before anything looks at it: senders, sizes, times, numbers
    auth      bearer tokens, and what they permit
    routes    one or two calls of the client each
    health    how the system is, as load balancers and people ask
    metrics   the same for Prometheus
    shapes    rows and errors as JSON
    store     connections of its own, behind a circuit of its own

Needs the extra `server`.
"""
