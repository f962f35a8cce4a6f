create or replace function tasker._prompt (p_prompt text, p_context jsonb)
  returns text
  language sql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- A prompt with its {{names}} replaced by what the context has there ({{a.b}}: within objects),
-- each at most 200 characters. It is shown in terminals and pages: what is not text, such as the
-- codes that a terminal obeys, is left out.
--
-- Returns  null for null
with part as (
  select found.part, found.place
    from regexp_matches(p_prompt, '\{\{\s*[^{}]+?\s*\}\}|(?:(?!\{\{\s*[^{}]+?\s*\}\}).)+', 'g')
           with ordinality as found (part, place)
)
select string_agg(
         regexp_replace(
           case when part.part[1] ~ '^\{\{.*\}\}$'
                then left(coalesce(p_context #>> string_to_array(btrim(part.part[1], '{} '), '.'),
                                   '(nothing)'), 200)
                else part.part[1] end,
           '[\u0001-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]', '',
           'g'), '' order by part.place)
  from part;
$$;

comment on function tasker._prompt is 'A prompt with its {{names}} replaced by values of the context, as plain text.';
