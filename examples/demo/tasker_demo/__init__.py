"""The demo: three hundred orders and a year of flights, run as workflows in PostgreSQL.

Then a person approves a large order, and a schedule makes the reports of three nights.

Reading order: `command` is the story; `templates/*.yaml` are the workflows; `shop.sql`,
`flights.sql` and `handlers` are their steps; `orders` and `dataset` are their input; `approval` is
the person, `nights` is the schedule; `checks` says whether the outcome is right; `screen` shows the
run and `report` its end.
"""
