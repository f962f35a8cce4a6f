"""HTTP: the public functions of the schema `tasker` as a web API, pages, health, and metrics.

    middleware  limits on requests before anything looks at them: senders, sizes, times, numbers
    auth        bearer tokens, and what they permit
    routes      one call of the client each
    events      what happens to a task, as it happens
    pages       the same for people, and their forms
    markup      values as pages show them
    health      the state of the system, for load balancers and people
    metrics     the same for Prometheus
    schemas     rows and requests as JSON
    errors      errors as answers
    deps        connections of its own, behind a circuit breaker of its own

Needs the extra `server`.
"""
