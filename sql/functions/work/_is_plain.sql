create or replace function tasker._is_plain (p_outcome jsonb)
  returns boolean
  language sql
  stable  -- as pg_column_size: it would not be inlined as immutable
begin atomic
-- Whether an outcome is a success with nothing but a step, a small result and seconds.
select jsonb_typeof(p_outcome) = 'object'
       and coalesce(p_outcome ->> 'step_uuid' like '________-____-____-____-____________'
                    and length(replace(p_outcome ->> 'step_uuid', '-', '')) = 32
                    and p_outcome ->> 'step_uuid' !~ '[^0-9a-fA-F-]',
                    false)
       and p_outcome - '{step_uuid,result,seconds}'::text[] = '{}'
       and case when p_outcome ? 'seconds'
                then jsonb_typeof(p_outcome -> 'seconds') = 'number'
                     and (p_outcome -> 'seconds' between '1e-6' and '1e6'
                          or p_outcome -> 'seconds' = '0')
                else true end
       and pg_column_size(p_outcome -> 'result') <= 1024 is not false;
end;

comment on function tasker._is_plain is 'Whether an outcome is a success with nothing but a step, a small result and seconds.';
