begin;
\ir ../fixtures.psql
select plan(14);

select pg_temp.a_template('one', '{"a": []}');

create temp table refused as
select call.what, pg_temp.refusal(call.statement) as message
  from (
    select key,
           format('select * from tasker.register_template(%L)',
                  '{"name": "t", "namespace_name": "test", "version": "1.0.0",
                    "steps": [{"name": "a", "handler": {"callable": "a"}}]}'::jsonb || change)
      from jsonb_each('{"name": {"name": "1"}, "namespace": {"namespace_name": "A"},
                        "version": {"version": "1"}, "finalization": {"finalization": "later"},
                        "step": {"steps": [{"name": "?", "handler": {"callable": "a"}}]},
                        "callable": {"steps": [{"name": "a", "handler": {"callable": ""}}]},
                        "sql": {"steps": [{"name": "a", "handler": {"sql": "f"}}]}}')
           as wrong (key, change)
     union all
    select 'option ' || key,
           format('select * from tasker.create_task(''test'', ''one'', ''{}'', %L)',
                  jsonb_build_object(key, 'x'))
      from unnest('{version,priority,run_at}'::text[]) as key
     union all
    select 'filter state', $$select * from tasker.list_tasks('{"state": "lost"}')$$
     union all
    select 'filter name', $$select * from tasker.list_tasks('{"name": ""}')$$
     union all
    select 'count', $$select * from tasker.count_events('{"settled": "x", "since": "x", "next": "x",
                                                          "at": "x"}')$$
  ) as call (what, statement);

select matches(message, '^22023: .* is ".*", need (a |one of |1 to |three |the name )', what)
  from refused;
select is_empty($$select * from refused where message ~ '\^|\[|\{[0-9]'$$,
  'no message shows a regular expression');

select * from finish();
rollback;
