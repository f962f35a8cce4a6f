create or replace function tasker._missing_handlers (
  p_namespace text,
  p_handlers  text[],
  p_parked    boolean[],
  p_now       timestamptz
)
  returns table (handler text, is_parked boolean, reason text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
-- Which of these handlers no live worker of a namespace has. A runner names what it has. Any other
-- worker may have it, unless a step was parked: then somebody who came by lacked it, and a worker
-- has it for sure only while it holds such a step (looked for among 2000 that are held).
--
-- Returns  a row with a sentence, and who had it last, for each that is missing
-- Calls    known_runners, known_workers, _serves, _ago
#variable_conflict use_column
begin
  return query
  with runner as materialized (
    select known.name, known.silent_for, known.seen_at, known.is_live, known.handlers
      from tasker.known_runners as known
     where p_namespace = any (known.namespaces)
  ),
  stranger as materialized (
    select exists (select from tasker.known_workers as worker
                    where worker.kind = 'foreign'
                      and worker.status <> 'lost'
                      and p_namespace = any (worker.namespaces)) as is_there
  ),
  lacking as materialized (
    select kind.handler, kind.is_parked
      from unnest(p_handlers, p_parked) as kind (handler, is_parked)
     where not exists (select from runner
                        where runner.is_live and tasker._serves(runner.handlers, kind.handler))
       and (kind.is_parked or not (select stranger.is_there from stranger))
  ),
  held as materialized (
    select distinct link.handler
      from (select step.step_id, claim.token
              from tasker.claims as claim
             cross join unnest(claim.step_ids) as step (step_id)
             where exists (select from lacking)
               and claim.lease_until >= p_now
               and claim.namespace_id = (select namespace.namespace_id
                                           from tasker.namespaces as namespace
                                          where namespace.name = p_namespace)
             limit 2000) as own
      join tasker.steps as step on step.step_id = own.step_id
                               and step.claim_token = own.token
      join tasker.template_steps as link
        on link.template_id = step.template_id
       and link.step_no = tasker._step_no(step.step_id)
  )
  select lacking.handler, lacking.is_parked,
         format('no live worker of namespace %s has the handler %s (%s)', p_namespace,
                lacking.handler,
                coalesce('runner ' || last.name || ' had it ' || tasker._ago(last.silent_for)
                         || ' ago', 'no runner had it within a day'))
    from lacking
    left join lateral (
         select runner.name, runner.silent_for from runner
          where runner.handlers is not null
            and tasker._serves(runner.handlers, lacking.handler)
          order by runner.seen_at desc
          limit 1) as last on true
   where not exists (select from held where held.handler = lacking.handler);
end;
$$;

comment on function tasker._missing_handlers is 'Which of these handlers no live worker of a namespace has, each with a sentence.';
