begin;
\ir ../fixtures.psql
set local statement_timeout = '20s';
select plan(6);

-- A line, defined from its end; and one step that everything waits for, which waits for everything.
select pg_temp.a_template('line',
  (select jsonb_object_agg('s' || i, case i when 1 then '[]'::jsonb
    else jsonb_build_array('s' || i - 1) end)
                                     from generate_series(5000, 1, -1) as i)) as line \gset
select pg_temp.a_template('wide',
  (select jsonb_object_agg('s' || i, '["start"]'::jsonb) from generate_series(1, 5000) as i)
  || jsonb_build_object('start', '[]'::jsonb, 'end',
    (select jsonb_agg('s' || i) from generate_series(1, 5000) as i))) as wide \gset

select is((select count(*) from tasker.template_steps where template_id = :line
  and name = 's' || step_no), 5000::bigint, 'the line is in order');
select is((select count(*) from tasker.template_steps where template_id = :line
  and children = array[step_no + 1]), 4999::bigint, 'each leads to the next');
select is((select sink_count from tasker.task_templates where template_id = :line), 1,
  'to one end');
select results_eq(format('select name, step_no, cardinality(parents), cardinality(children), '
  'cardinality(special_children)
                            from tasker.template_steps where template_id = %s and name in '
                        '(''start'', ''end'') order by step_no', :'wide'),
  $$ values ('start', 1, 0, 5000, 0), ('end', 5002, 5000, 1, 0) $$, 'start first, end last');
select is((select count(*) from tasker.template_steps where template_id = :wide
  and special_children = '{5002}' and parents = '{1}'), 5000::bigint,
  'all others lead to a wide join');
select is((select sink_count from tasker.task_templates where template_id = :wide), 1,
  'which is the only sink');

select * from finish();
rollback;
