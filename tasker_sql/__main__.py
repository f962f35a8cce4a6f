"""`python -m tasker_sql` is `tasker-sql`."""

from tasker_sql.cli import main

main()
