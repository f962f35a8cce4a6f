create or replace function tasker.acknowledge_problem (
  p_code    text,
  p_subject text,
  p_reason  text,
  p_until   timestamptz default null
)
  returns table (code text, subject text, severity text, until timestamptz)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Says that somebody knows of a problem, until a moment, or (null) until it changes. It stays
-- listed, marked and behind the others, and comes back when it gets worse. The same again writes
-- nothing.
--
-- Returns  one row
-- Raises   TK002 there is no such problem now, 22023 no reason, or a moment that is not to come
-- Locks    all acknowledgements
-- Calls    problems, _check_reason, _operator
#variable_conflict use_column
declare
  v_now   constant timestamptz := tasker._now();
  v_found record;
begin
  perform tasker._check_reason(p_reason);
  if p_until is not null and (p_until > v_now and p_until < 'infinity') is not true then
    raise exception 'a problem is acknowledged until a moment that is to come'
      using errcode = '22023',
            detail  = format('got %s, now is %s', p_until, v_now),
            hint    = 'null means until it changes';
  end if;
  -- Two would both find that nobody has acknowledged it.
  lock table tasker.acknowledgements in share row exclusive mode;
  select found.severity, found.amount, found.acknowledged_by into v_found
    from tasker.problems as found
   where found.code = p_code
     and found.subject = p_subject;
  if v_found is null then
    raise exception 'there is no such problem now'
      using errcode = 'TK002',
            detail  = format('%s of %s', coalesce(left(p_code, 100), 'null'),
                             coalesce(left(p_subject, 300), 'null')),
            hint    = 'select code, subject from tasker.problems';
  end if;

  insert into tasker.acknowledgements as known
         (code, subject, severity, amount, reason, until, acknowledged_at)
  values (p_code, p_subject, v_found.severity, v_found.amount, p_reason, p_until, v_now)
      on conflict on constraint a_problem_is_acknowledged_once do update
     set severity        = excluded.severity,
         amount          = excluded.amount,
         reason          = excluded.reason,
         until           = excluded.until,
         acknowledged_by = excluded.acknowledged_by,
         acknowledged_at = excluded.acknowledged_at
   where v_found.acknowledged_by is null
      or (known.severity, known.amount, known.reason, known.until, known.acknowledged_by)
         is distinct from (excluded.severity, excluded.amount, excluded.reason, excluded.until,
                           excluded.acknowledged_by);
  if found then
    delete from tasker.acknowledgements as known
     where known.until <= v_now
        or known.until is null and known.acknowledged_at < v_now - interval '30 days';
    perform tasker._operator('acknowledge_problem', format('%s of %s', p_code, p_subject), p_reason,
                             v_now);
  end if;
  return query select p_code, p_subject, v_found.severity, p_until;
end;
$$;

comment on function tasker.acknowledge_problem is
'Says that somebody knows of a problem (code and subject as problems has them), until a moment, or until it changes when p_until is null. It stays in problems, marked and behind the others, and comes back when its severity rises, when twice as much is wrong, or when it began again. Who and why are recorded. Acknowledging again replaces it; the same again changes nothing. Raises TK002 (no such problem now), 22023 (no reason, or a moment that is not to come).';
