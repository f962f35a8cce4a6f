begin;
\ir ../fixtures.psql
select plan(13);

select is(pg_temp.refusal(format('select * from tasker.create_namespace(%L)', wrong.name)),
  '22023: got ' || left(quote_literal(wrong.name), 102), wrong.why)
  from (values ('', 'empty'), ('1st', 'a digit first'), ('_a', 'an underscore first'),
    ('Shop', 'upper case'), ('my shop', 'a blank'), ('a-b', 'a dash'),
               (repeat('a', 33), '33 characters'), ('é', 'beyond a-z'), (E'a\n', 'a line feed'),
               ('a"; drop schema tasker cascade; --', 'an injection')
       ) as wrong (name, why);
select is(pg_temp.refusal('select * from tasker.create_namespace(null)'), '22023: got null',
  'null');
select is_empty('select from tasker.namespaces', 'nothing was made');
select lives_ok(format('select * from tasker.create_namespace(%L)', repeat('a', 32)),
  '32 characters are fine, with the queue names made of them');

select * from finish();
rollback;
