create or replace function tasker._moment (
  p_step_id   bigint,
  p_path      jsonb,
  out at      timestamptz,
  out problem text
)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Reads a moment from the document of a step. Nothing in it may stop the call that ended the step's
-- last parent: an error is a value here.
--
-- Returns  the moment, or why there is none
-- Calls    _document, _check_moment, _missing, _shown
declare
  v_document jsonb;
  v_found    jsonb;
begin
  v_document := tasker._document(p_step_id, coalesce(p_path -> 'needs', '[]'));
  v_found    := jsonb_path_query_first(v_document, (p_path ->> 'path')::jsonpath, silent => true);
  if v_found is null then
    problem := tasker._missing(v_document, coalesce(p_path -> 'reads', '[]'));
  else
    problem := format('it is %s, need a time with its zone, such as 2026-01-31T09:30:00Z',
                      tasker._shown(v_found));
    at      := tasker._check_moment(v_found, 'until');
    problem := null;
  end if;
exception when others then
  at      := null;
  problem := coalesce(problem, sqlerrm);
end;
$$;

comment on function tasker._moment is 'Reads a moment from the document of a step: the moment, or why there is none.';
