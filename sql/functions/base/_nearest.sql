create or replace function tasker._nearest (p_word text, p_known text[])
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- The known word that somebody meant who wrote p_word: the one with the fewest letters inserted,
-- left out, exchanged or swapped, at most a third of them.
--
-- Returns  null when none is near
declare
  v_word  constant text := left(p_word, 40);
  v_least integer := greatest(length(v_word) / 3, 1) + 1;
  v_found text;
  v_known text;
  v_above integer[];
  v_over  integer[];
  v_row   integer[];
begin
  if p_word is null then
    return null;
  end if;
  foreach v_known in array p_known[1:1000] loop
    continue when abs(length(v_known) - length(v_word)) >= v_least;
    v_row := array(select generate_series(0, length(v_known)));
    for i in 1 .. length(v_word) loop
      v_over   := v_above;
      v_above  := v_row;
      v_row[1] := i;
      for j in 1 .. length(v_known) loop
        v_row[j + 1] := least(
          v_above[j + 1] + 1,
          v_row[j] + 1,
          v_above[j] + (substr(v_word, i, 1) <> substr(v_known, j, 1))::integer,
          case when i > 1 and j > 1
                    and substr(v_word, i - 1, 2) = reverse(substr(v_known, j - 1, 2))
               then v_over[j - 1] + 1 end);
      end loop;
    end loop;
    if v_row[length(v_known) + 1] < v_least then
      v_least := v_row[length(v_known) + 1];
      v_found := v_known;
    end if;
  end loop;
  return v_found;
end;
$$;

comment on function tasker._nearest is 'The known word that somebody meant who wrote another; null when none is near.';
