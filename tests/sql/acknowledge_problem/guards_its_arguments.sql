begin;
\ir ../fixtures.psql
select plan(11);
select from tasker.create_namespace('test');
select from tasker.pause_namespace('test', 'a release');
select pg_temp.later('2 hours');
create function pg_temp.acknowledge (p_code text, p_subject text, p_reason text, p_until text)
  returns text language sql as $$
select pg_temp.refusal(format('select tasker.acknowledge_problem(%L, %L, %L, %L)', p_code,
  p_subject, p_reason, p_until))
$$;
select is(pg_temp.acknowledge(code, subject, 'why', null), 'TK002: ' || detail, detail)
  from (values ('paused', 'namespace nowhere', 'paused of namespace nowhere'),
               ('no_worker', 'namespace test', 'no_worker of namespace test'),
               (null, 'namespace test', 'null of namespace test'),
               ('paused', null, 'paused of null')) as bad (code, subject, detail);
select is(pg_temp.acknowledge('paused', 'namespace test', reason, null), '22023: ' || detail,
          detail)
  from (values (null, 'got null'), (' ', 'got 1 characters')) as bad (reason, detail);
select matches(pg_temp.acknowledge('paused', 'namespace test', 'why', bad), '^22023: got ', bad)
  from unnest(array['2030-01-01 02:00Z', '2029-12-31 00:00Z', 'infinity', '-infinity']) as bad;
select is_empty('select from tasker.operator_history where verb = ''acknowledge_problem''',
  'nothing was written down');
select * from finish();
rollback;
