create or replace view tasker.error_codes as
select code.*
  from (values
    ('TK001', 'claim',
     'stale claim: the token does not hold the step, or the finalization claim is gone',
     'Roll back, drop the result, and report_late_writes. The field constraint says why.'),
    ('TK002', 'name', 'not found: namespace, template, task or step',
     'Wait, if it will be registered; drop a step that is not there.'),
    ('TK003', 'state', 'illegal transition: the state does not allow it; or a plan is out of date',
     'Look at the state, and use the verb that the hint names.'),
    ('TK006', 'size', 'limit exceeded: the detail has the amount and the limit, the hint its name',
     'Send less, or let an operator set the limit. Fail a step with such a result for good.'),
    ('TK007', 'definition', 'the steps of a template form a cycle; the detail names it',
     'Correct the template.'),
    ('TK008', 'key', 'same key or version, other content',
     'Use another key or version.'),
    ('TK009', 'claim',
     'done already, by this very claim: a call without p_repeat',
     'Roll back: nothing is lost, what the first call wrote is there.'),
    ('TK100', 'handler', 'not raised here: a handler in SQL raises it to fail for good',
     'No further attempt is made.'),
    ('22023', 'value', 'bad value: the detail says what was wrong and what would be right',
     'Correct the call. Fail a step with such an outcome for good.')
  ) as code (code, about, meaning, remedy);

comment on view tasker.error_codes is
'The SQLSTATEs that functions of this schema raise. The message is constant, the facts are in the detail, advice in the hint. PostgreSQL has its own for what it refuses before a function is entered; everything else is not an answer, and the call may be repeated.';
comment on column tasker.error_codes.code is 'The SQLSTATE.';
comment on column tasker.error_codes.about is 'What is wrong: claim, name, state, size, definition, key, handler or value.';
comment on column tasker.error_codes.meaning is 'What it says.';
comment on column tasker.error_codes.remedy is 'What to do then.';
