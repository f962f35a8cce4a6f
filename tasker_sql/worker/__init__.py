"""What runs handlers: registry, attempts, threads, claims and reports."""
