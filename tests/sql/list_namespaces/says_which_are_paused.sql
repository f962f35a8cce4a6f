begin;
\ir ../fixtures.psql
select plan(2);

select is_empty($$ select * from tasker.list_namespaces() $$, 'none at first');
select * from tasker.create_namespace('billing') \g /dev/null
select * from tasker.create_namespace('audit') \g /dev/null
select * from tasker.pause_namespace('billing', 'the bank is down') \g /dev/null
select results_eq(
  $$ select name, queue_name, paused_at, paused_by, pause_reason from tasker.list_namespaces() $$,
  $$ values ('audit'::text, 'audit_queue'::text, null::timestamptz, null::text, null::text),
            ('billing', 'billing_queue', tasker._now(), session_user::text collate "default",
              'the bank is down') $$,
  'by name, with since when, by whom and why');

select * from finish();
rollback;
