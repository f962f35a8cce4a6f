begin;
\ir ../fixtures.psql
select plan(6);

-- Defined backwards.
select tasker.register_template('{"name": "t", "namespace_name": "test", "version": "1.0.0", '
  '"steps": [
  {"name": "end", "handler": {"callable": "x"}, "dependencies": ["right", "left"]},
  {"name": "left", "handler": {"callable": "x"}, "dependencies": ["start"]},
  {"name": "right", "handler": {"callable": "x"}, "dependencies": ["start"]},
  {"name": "alone", "handler": {"callable": "x"}},
  {"name": "start", "handler": {"callable": "x"}, "dependencies": []}]}');

select results_eq('select name, step_no from tasker.template_steps order by step_no',
  $$ values ('alone', 1), ('start', 2), ('left', 3), ('right', 4), ('end', 5) $$,
  'parents come first, else the order of the definition');
select results_eq('select step_no, parents, parent_names from tasker.template_steps order by '
  'step_no',
  $$ values (1, '{}'::integer[], '{}'::text[]), (2, '{}', '{}'), (3, '{2}', '{start}'),
    (4, '{2}', '{start}'), (5, '{3,4}', '{left,right}') $$,
  'with their parents, by number');
select results_eq('select step_no, children, special_children from tasker.template_steps order by '
  'step_no',
  $$ values (1, '{0}'::integer[], '{}'::integer[]), (2, '{3,4}', '{}'), (3, '{5}', '{}'),
    (4, '{5}', '{}'), (5, '{0}', '{}') $$,
  'and children; a step without has its task');
select results_eq('select step_count, sink_count from tasker.task_templates', $$ values (5, 2) $$,
  'steps and sinks are counted');

-- From the 17th parent on, a join is wide: 16 steps lead to j16, 17 to j17.
select pg_temp.a_template('wide',
  (select jsonb_object_agg('p' || i, '[]'::jsonb) from generate_series(1, 17) as i)
  || jsonb_build_object('j16', (select jsonb_agg('p' || i) from generate_series(1, 16) as i),
                        'j17', (select jsonb_agg('p' || i) from generate_series(1, 17) as i)));
select results_eq($$ select distinct child.name, cardinality(child.parents),
  child.step_no = any (link.special_children)
                       from tasker.template_steps as link
                       join tasker.template_steps as child using (template_id)
                      where child.step_no = any (link.children) and child.name ~ 'j1' order by 1 $$,
  $$ values ('j16', 16, false), ('j17', 17, true) $$, 'more than 16 parents make a join wide');
select is_empty($$ select 1 from tasker.template_steps where children <> '{0}'
  and exists (select from unnest(children) as c where c <= step_no) $$,
  'no child has a smaller number than its parent');

select * from finish();
rollback;
