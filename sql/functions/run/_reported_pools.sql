create or replace function tasker._reported_pools (p_pools jsonb)
  returns table (
    pool           text,
    namespace      text,
    status         text,
    executors      integer,
    min_executors  integer,
    max_executors  integer,
    healthy        integer,
    unhealthy      integer,
    utilization    double precision,
    error_rate     double precision,
    throughput     double precision,
    done           bigint,
    queue_depth    bigint,
    queue_age      double precision,
    poll           double precision,
    batch          integer,
    scaled_ago     double precision,
    scaled_from    integer,
    scaled_why     text,
    running        integer,
    waiting        integer,
    hung           integer,
    decided_ago    double precision,
    decision       text,
    measured       jsonb,
    scaled_up      bigint,
    scaled_down    bigint,
    status_changes bigint
  )
  language sql
  immutable
begin atomic
-- The pools in a runner's report, as rows.
--
-- Raises   22023, 22P02 when they are none
select reported.*
  from pg_catalog.jsonb_to_recordset(p_pools) as reported (
         pool text, namespace text, status text, executors integer, min_executors integer,
         max_executors integer, healthy integer, unhealthy integer, utilization double precision,
         error_rate double precision, throughput double precision, done bigint, queue_depth bigint,
         queue_age double precision, poll double precision, batch integer,
         scaled_ago double precision, scaled_from integer, scaled_why text, running integer,
         waiting integer, hung integer, decided_ago double precision, decision text, measured jsonb,
         scaled_up bigint, scaled_down bigint, status_changes bigint);
end;

comment on function tasker._reported_pools is 'The pools in a runner''s report, as rows.';
