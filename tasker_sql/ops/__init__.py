"""A runner's life: its workers, pools, scaling, health and log."""
