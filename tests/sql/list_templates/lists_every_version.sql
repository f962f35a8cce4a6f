begin;
\ir ../fixtures.psql
select plan(4);

select pg_temp.a_template('one', '{"a": []}', p_more => jsonb_build_object('version', version))
 from unnest(array['1.9.0', '1.10.0', '1.2.0']) as version;
select pg_temp.a_template('two', '{"a": [], "b": []}',
  p_more => '{"finalization": "external", "description": "the second"}', p_namespace => 'other');

select results_eq('select namespace, name, version, is_latest, description, step_count, '
  'finalization from tasker.list_templates()',
  $$ values ('other', 'two', '1.0.0', true, 'the second', 2, 'external'),
    ('test', 'one', '1.10.0', true, null, 1, 'inline'),
            ('test', 'one', '1.9.0', false, null, 1, 'inline'),
            ('test', 'one', '1.2.0', false, null, 1, 'inline') $$, 'the newest first');
select results_eq('select name from tasker.list_templates(''other'')', array['two'],
  'of one namespace');
select from tasker.pause_template('test', 'one', 'wait');
select results_eq('select distinct name, pause_reason from tasker.list_templates() where paused_at '
  'is not null', $$ values ('one', 'wait') $$, 'paused');
select throws_ok('select * from tasker.list_templates(''nowhere'')', 'TK002');

select * from finish();
rollback;
