begin;
\ir ../fixtures.psql
select plan(5);

create function pg_temp.version_of (p_options jsonb default '{}') returns text language sql as $$
select from tasker.create_task('test', 't', '{}', p_options);
select template.version from tasker.tasks as task join tasker.task_templates as template
using (template_id) order by task_id desc limit 1
$$;
select pg_temp.a_template('t', '{"a": []}', p_more => jsonb_build_object('version', version))
  from unnest(array['1.10.0', '1.9.0', '0.99.99', '1.2.30']) as version;

select is(pg_temp.version_of(), '1.10.0', '1.10.0 is higher than 1.9.0, whichever came last');
select is(pg_temp.version_of('{"version": "1.9.0"}'), '1.9.0', 'unless one is named');
select pg_temp.a_template('t', '{"a": []}', p_more => '{"version": "1.10.1"}');
select is(pg_temp.version_of(), '1.10.1', 'the third number counts');
select pg_temp.a_template('t', '{"a": []}', p_more => '{"version": "999999999.0.0"}');
select is(pg_temp.version_of(), '999999999.0.0', 'and the first counts most');
select is(pg_temp.version_of('{"version": "0.99.99"}'), '0.99.99',
  'the lowest can still be asked for');

select * from finish();
rollback;
