create or replace function tasker._missing_handler (
  p_namespace text,
  p_handler   text,
  p_is_parked boolean,
  p_now       timestamptz
)
  returns text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- Whether no live worker of a namespace has a handler. A runner names what it has. Any other worker
-- may have it, unless a step was parked: then somebody who came by lacked it, and a worker has it
-- for sure only while it holds such a step.
--
-- Returns  a sentence, with who had it last; null when somebody has it
-- Calls    known_runners, known_workers, _serves, _ago
declare
  v_last record;
begin
  if exists (select from tasker.known_runners as runner
              where runner.is_live
                and p_namespace = any (runner.namespaces)
                and tasker._serves(runner.handlers, p_handler))
     or exists (select
                  from tasker.claims as claim
                 cross join unnest(claim.step_ids) as held (step_id)
                  join tasker.steps as step on step.step_id = held.step_id
                                           and step.claim_token = claim.token
                  join tasker.template_steps as link
                    on link.template_id = step.template_id
                   and link.step_no = (step.step_id & 1048575)::integer
                 where claim.lease_until >= p_now
                   and claim.namespace_id = (select namespace.namespace_id
                                               from tasker.namespaces as namespace
                                              where namespace.name = p_namespace)
                   and link.handler = p_handler)
     or not p_is_parked
        and exists (select from tasker.known_workers as worker
                     where worker.kind = 'foreign'
                       and worker.status <> 'lost'
                       and p_namespace = any (worker.namespaces))
  then
    return null;
  end if;
  select runner.name, runner.silent_for into v_last
    from tasker.known_runners as runner
   where p_namespace = any (runner.namespaces)
     and runner.handlers is not null
     and tasker._serves(runner.handlers, p_handler)
   order by runner.seen_at desc
   limit 1;
  return format('no live worker of namespace %s has the handler %s (%s)', p_namespace, p_handler,
                coalesce('runner ' || v_last.name || ' had it ' || tasker._ago(v_last.silent_for)
                         || ' ago', 'no runner had it within a day'));
end;
$$;

comment on function tasker._missing_handler is 'Whether no live worker of a namespace has a handler: a sentence, or null.';
