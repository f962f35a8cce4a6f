begin;
\ir ../fixtures.psql
select plan(9);
prepare found as select severity, code, subject, cure from tasker.problems;
select is_empty('found', 'all is well');

create function pg_temp.alter (p_what text) returns void language plpgsql as $$
begin execute format('alter ' || p_what, current_database(), current_user); end $$;
select pg_temp.alter('database %1$I set default_transaction_read_only = on');
select results_eq('found', format($$ values ('critical', 'read_only', 'database %1$s',
  'begin read write; alter database %1$I set default_transaction_read_only = off; commit') $$,
  current_database()), 'the database is read-only');
select pg_temp.alter('database %1$I reset default_transaction_read_only');
select pg_temp.alter('role all set default_transaction_read_only = true');
select is((select code from tasker.problems), 'read_only', 'all roles are');
select pg_temp.alter('database %1$I set default_transaction_read_only = off');
select is_empty('found', 'which the database overrules');
select pg_temp.alter('role %2$I in database %1$I set default_transaction_read_only = on');
select is_empty('found', 'a role of somebody else may be so');
select tasker.report_runner('r1', pg_temp.a_report());
select is((select subject from tasker.problems), 'role ' || current_user, 'not a runner''s');
select pg_temp.alter('role %2$I in database %1$I reset default_transaction_read_only');

select pg_temp.alter('database %1$I connection limit 1');
select results_eq('select severity, code, subject, cure, amount, problem from tasker.problems',
  format($$ values ('critical', 'too_many_connections', 'database %1$s',
  'alter database %1$I connection limit 2', 1::bigint,
  '1 of 1 connections are in use, most of them (1) by %2$s') $$, current_database(), session_user),
  'its last connection is in use');
select pg_temp.alter('database %1$I connection limit 2');
select is_empty('found', 'half of them');

drop function tasker.pause_template, tasker.resume_template;
select results_eq('select severity, code, problem, cure from tasker.problems',
  $$ values ('critical', 'schema_changed',
  'functions or views of tasker-sql are gone: pause_template, resume_template',
  'tasker-sql db upgrade') $$, 'functions are gone');

select * from finish();
rollback;
