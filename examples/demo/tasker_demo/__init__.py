"""The demo: three hundred orders and a year of flights, run as workflows in PostgreSQL.

Reading order: `command` is the story; `templates/*.yaml` are the workflows; `shop.sql`,
`flights.sql` and `handlers` are their steps; `orders` and `dataset` are their input; `checks` says
whether the outcome is right; `screen` shows the run and `report` its end.
"""
