begin;
\ir ../fixtures.psql
select plan(36);

create function pg_temp.with_number (p_key text, p_value jsonb) returns text language sql as $$
select format('select * from tasker.register_template(%L)',
  jsonb_build_object('name', 't', 'namespace_name', 'test', 'version', '1.0.0',
  'steps', jsonb_build_array('{"name": "a", "handler": {"callable": "a"}}'::jsonb ||
             case p_key when 'timeout_seconds' then jsonb_build_object(p_key, p_value)
                        else jsonb_build_object('retry', jsonb_build_object(p_key, p_value)) end)))
$$;

select alike(pg_temp.refusal(pg_temp.with_number(number.key, wrong.value)),
             format('22023: step a %%%s is %s, need a whole number from %s to %s', number.key,
               left(wrong.value::text, 60), number.least, number.most),
             format('%s = %s', number.key, wrong.value))
  from (values ('max_attempts', 1, 1000), ('backoff_base_ms', 0, 86400000),
    ('max_backoff_ms', 0, 2592000000), ('timeout_seconds', 1, 86400)
       ) as number (key, least, most)
 cross join lateral (values ('1e300'::jsonb), ('-1'), ('1.5'), ('"5"'), (to_jsonb(number.most + 1)),
   (to_jsonb(number.least - 1))
       ) as wrong (value);

-- Neither null, true nor a list is a number.
select alike(pg_temp.refusal(pg_temp.with_number('timeout_seconds', wrong.value)),
  '22023: step a timeout_seconds is %', wrong.value::text)
  from (values ('null'::jsonb), ('true'), ('[5]')) as wrong (value);
select is_empty('select from tasker.task_templates', 'nothing was stored');

-- The bounds themselves are right, however they are written.
select lives_ok(replace(pg_temp.with_number(number.key, number.value), '1.0.0', number.version),
  format('%s = %s', number.key, number.value))
  from (values ('max_attempts', '1'::jsonb, '1.0.1'), ('max_attempts', '1e3', '1.0.2'),
    ('backoff_base_ms', '0', '1.0.3'),
               ('max_backoff_ms', '2592000000', '1.0.4'), ('timeout_seconds', '86400.0', '1.0.5'),
               ('timeout_seconds', '1', '1.0.6')
       ) as number (key, value, version);
select set_eq('select version, max_attempts, backoff_base_ms, max_backoff_ms, timeout_seconds
                 from tasker.template_steps join tasker.task_templates using (template_id)',
  $$ values ('1.0.1', 1, 1000, 30000, null), ('1.0.2', 1000, 1000, 30000, null),
    ('1.0.3', 3, 0, 30000, null),
            ('1.0.4', 3, 1000, 2592000000, null), ('1.0.5', 3, 1000, 30000, 86400),
            ('1.0.6', 3, 1000, 30000, 1) $$,
  'and are what is stored');
select is((select count(*) from tasker.task_templates), 6::bigint, 'six templates');

select * from finish();
rollback;
