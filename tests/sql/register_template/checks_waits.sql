-- W: what a step may wait for; a key that would not be read is refused.
begin;
\ir ../fixtures.psql
select plan(27);
create function pg_temp.fault (p_wait text, p_more jsonb default '{}') returns text language sql
 as $$
select pg_temp.refusal(format(
  'select pg_temp.gated(%L, jsonb_build_array(''{"name": "pay"}''::jsonb, %L::jsonb))',
  't' || md5(random()::text),
  jsonb_build_object('name', 'b', 'dependencies', '["pay"]'::jsonb, 'wait', p_wait::jsonb)
  || p_more))
$$;
select is(pg_temp.fault('{}'), '22023: step b: a wait needs exactly one of for, until and signal',
  'none');
select is(pg_temp.fault('{"for": "P1D", "until": "$.context.at"}'),
  '22023: step b: a wait needs exactly one of for, until and signal', 'two');
select is(pg_temp.fault('{"for": "P1D"}', '{"handler": {"callable": "h"}}'),
  '22023: step b: a step has a wait or a handler, not both', 'a handler, too');
select is(pg_temp.refusal($$ select pg_temp.gated('n', '[{"name": "a", "handler": null}]') $$),
  '22023: got null', 'neither');
select alike(pg_temp.fault('"P1D"'), '22023: got string', 'no object');
select alike(pg_temp.fault('{"fro": "P1D"}'), '22023: ''fro''; known are for, until, every,%',
  'an unknown key');

select is(pg_temp.fault(format('{"for": %s}', value)),
  format('22023: step b wait for is %s, need a duration up to 3660 days, such as PT30S or P3D',
         value), 'for ' || value)
  from unnest('{"\"soon\"",7,"\"-PT1S\"","\"PT0S\"","\"P3661D\"",null,"\"infinity\""}'::text[])
    as value
 where value is not null;
select is(pg_temp.fault('{"until": {"sql": "shop.is_ready"}, "every": "PT0.5S"}'),
  '22023: step b wait every is "PT0.5S", need a duration of at least 1 s up to 3660 days, such as '
  'PT30S or P3D', 'too often');
select alike(pg_temp.fault('{"until": "2030-01-01"}'),
  '22023: step b wait until is "2030-01-01", need a time with its zone, %', 'a day');
select alike(pg_temp.fault('{"until": "$.results.pya.at"}'),
  '22023: step b wait until: $.results needs the name of one of its dependencies (pay): pya is %',
  'a typo');
select alike(pg_temp.fault('{"until": "$.value"}'), '22023: step b wait until: reads $.value; %',
  'there is no value yet');
select alike(pg_temp.fault('{"until": {"sql": "is_ready"}}'),
  '22023: step b wait until sql is "is_ready", need the name of a function with its schema, %',
  'no schema');
select is(pg_temp.fault('{"until": "$.context.at", "every": "PT1M"}'),
  '22023: step b: every belongs to until: {sql: ...}', 'every');
select is(pg_temp.fault('{"for": "P1D", "timeout": "P2D"}'),
  '22023: step b: for ends by itself and has no timeout', 'a timeout of a time');
select is(pg_temp.fault('{"until": "$.context.at", "on_timeout": "skip"}'),
  '22023: step b: on_timeout needs a timeout', 'on_timeout');
select is(pg_temp.fault('{"until": "$.context.at", "timeout": "P1D", "on_timeout": "skip",
  "default": 7}'), '22023: step b: default is the value of on_timeout: continue', 'a default');
select alike(pg_temp.fault('{"until": "$.context.at", "timeout": "P1D", "on_timeout": "stop"}'),
  '22023: step b wait on_timeout is "stop", need one of fail, skip, continue', 'on_timeout');
select is(pg_temp.fault('{"for": "P1D"}', '{"retry": {"max_attempts": 2}}'),
  '22023: step b: retry and timeout_seconds belong to a handler, or to until: {sql: ...}', 'retry');

select is(pg_temp.fault('{"until": {"sql": "shop.is_ready"}, "every": "10 min"}',
  '{"retry": {"max_attempts": 2}, "timeout_seconds": 5}'), null, 'a condition is tried again');
select is((select features from tasker.template_steps where handler = 'sql:shop.is_ready'),
  '{"wait": {"kind": "condition", "every": 600}, "check": true, "alarms": true}', 'compiled');
select is((select features from tasker.template_steps as link
            where link.name = 'pay' and (link.template_id, 2) in (
                  select own.template_id, own.step_no from tasker.template_steps as own
                   where own.handler = 'sql:shop.is_ready')), '{"enters": [2]}', 'for the parent');
select is((select array_agg(distinct gated) from tasker.task_templates), '{f}', 'none is gated');

select * from finish();
rollback;
